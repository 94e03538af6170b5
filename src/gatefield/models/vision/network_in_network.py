"""Network in Network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from ...core.arguments import PositiveFloat, PositiveInt, Probability
from ...functional.convolution_arithmetic import Window, stack_output_shape
from ...layers.global_average_pooling import GlobalAveragePooling
from ...layers.initialization import initialize
from ...layers.max_pooling import MaxPool2d
from ...layers.mlp_convolution import MLPConvolution
from ..model import Model, ModelExample
from ..width import scaled

#: For each block: channels of its convolution and dense layers (after the last block comes one map a class); side,
#: stride and padding of its convolution.
TABLES = {
    "cifar": [((192, 160, 96), 5, 1, 2), ((192, 192, 192), 5, 1, 2), ((192, 192), 3, 1, 1)],
    "imagenet": [
        ((96, 96, 96), 11, 4, 0),
        ((256, 256, 256), 5, 1, 2),
        ((384, 384, 384), 3, 1, 1),
        ((1024, 1024), 3, 1, 1),
    ],
}


class NetworkInNetwork(Model):
    """Network in Network: mlpconv blocks with max pooling between them, and global average pooling in place of a head.

    The last block has one map a class; the mean of that map is the class's output, so that no layer is fully
    connected. 966,986 parameters for 3x32x32 images and 10 classes; ``nin-imagenet`` has 7,595,176 for 1000.

    Args:
        input_shape: (channels, height, width).
        classes: number of classes.
        table: ``cifar`` for the paper's three blocks; ``imagenet`` for its authors' four.
        width: factor on the filters of the paper.
        dropout: chance in [0, 1) that an input of the second and of each later block is silent during training.

    Raises:
        ArgumentError: the image is too small.

    Source: Lin, Chen and Yan (2014), section 3 and figure 2; the numbers of filters are from its authors' published
    settings (catalogue 75). Departs from the paper: first weights are He's; the maps of the classes are not rectified,
    since a class whose map once is all zeros would never learn.
    """

    name = "nin"
    reference = "lin2014"
    presets = {"nin-imagenet": {"table": "imagenet"}}  # noqa: RUF012

    def __init__(
        self,
        input_shape: tuple[PositiveInt, PositiveInt, PositiveInt],
        classes: PositiveInt,
        table: Literal["cifar", "imagenet"] = "cifar",
        width: PositiveFloat = 1.0,
        dropout: Probability = 0.5,
    ) -> None:
        super().__init__()
        maps, *shape = input_shape
        layers, windows, blocks = OrderedDict[str, nn.Module](), list[Window](), TABLES[table]
        for number, (table_channels, side, stride, padding) in enumerate(blocks, start=1):
            channels = [scaled(count, width) for count in table_channels]
            layers[f"block{number}"] = MLPConvolution(maps, tuple(channels), side, stride, padding)
            windows.append(Window(side, stride, padding))
            if number < len(blocks):
                layers[f"pool{number}"] = MaxPool2d(3, stride=2, ceil_mode=True)
                layers[f"dropout{number}"] = nn.Dropout(dropout)
                windows.append(Window(3, stride=2, ceil_mode=True))
            maps = channels[-1]
        layers["output"] = nn.Conv2d(maps, classes, 1)
        stack_output_shape(shape, windows)
        self.features = nn.Sequential(layers)
        self.classifier = nn.Sequential(OrderedDict(pooling=GlobalAveragePooling()))
        initialize(self, "he")

    @classmethod
    def standard(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        small = arguments.get("table") != "imagenet"
        return {"input_shape": (3, 32, 32), "classes": 10} if small else {"input_shape": (3, 224, 224), "classes": 1000}

    @classmethod
    def examples(cls) -> list[ModelExample]:
        return [
            ModelExample({"input_shape": (2, 47, 43), "classes": 3, "width": 1 / 16}, (2, 47, 43)),
            ModelExample({"input_shape": (1, 9, 8), "classes": 4, "width": 1 / 16}, (1, 9, 8)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))
