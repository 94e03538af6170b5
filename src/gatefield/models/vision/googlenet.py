"""GoogLeNet, with its true 5x5 convolutions and its auxiliary heads."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from ...core.arguments import PositiveFloat, PositiveInt, Probability
from ...functional.convolution_arithmetic import Window, stack_output_shape
from ...layers.convolution_unit import ConvolutionUnit
from ...layers.global_average_pooling import GlobalAveragePooling
from ...layers.inception_block import InceptionBlock
from ...layers.initialization import initialize
from ...layers.local_response_normalization import LocalResponseNormalization
from ...layers.max_pooling import MaxPool2d
from ..model import Model, ModelExample
from ..width import scaled

#: Table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool projection of each inception module, by its name.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}

#: The modules that a max pooling follows.
POOLED = ("3b", "4e")

Normalization = Literal["local-response", "batch"]


class GoogLeNet(Model):
    """GoogLeNet: a stem of three convolutions, nine inception modules, global average pooling, one linear layer.

    6,998,552 parameters for 1000 classes, 5,973,552 without the linear layer (erratum 6: it has one, and is 8.7 times
    smaller than AlexNet), and 13,378,280 with the auxiliary heads.

    The heads judge the maps after modules 4a and 4d. While training, ``forward`` returns the logits, those of the first
    and those of the second head, as a tuple, and the training loop adds the losses of the heads with weight 0.3; in
    evaluation it returns the logits only, and the heads rest.

    ``googlenet-3x3`` is the form of the weights that torchvision publishes: 3x3 convolutions where the paper has 5x5,
    batch normalization, and a last max pooling of 2x2.

    Args:
        input_shape: (channels, height, width).
        classes: number of classes.
        auxiliary: add the two auxiliary heads.
        normalization: ``local-response`` after the first and the third convolution, as in the paper; or ``batch``
            after every convolution of the trunk and of the heads, which then have no bias.
        largest_kernel: side of the largest convolutions of the inception modules.
        last_pooling: side of the last max pooling.
        width: factor on all filters and hidden units of the paper.
        dropout: chance in [0, 1) that an input of the linear layer is silent during training; 0.7 in the heads.

    Raises:
        ArgumentError: the image is too small, for the trunk or for the heads.

    Source: Szegedy et al. (2015), Table 1, figure 3 and section 5 (catalogue 21, 71). Departs from the paper: first
    weights are He's.
    """

    name = "googlenet"
    reference = "szegedy2015"
    presets = {  # noqa: RUF012
        "googlenet-bn": {"normalization": "batch"},
        "googlenet-3x3": {"normalization": "batch", "largest_kernel": 3, "last_pooling": 2},
    }

    def __init__(
        self,
        input_shape: tuple[PositiveInt, PositiveInt, PositiveInt],
        classes: PositiveInt,
        auxiliary: bool = False,
        normalization: Normalization = "local-response",
        largest_kernel: Literal[3, 5] = 5,
        last_pooling: Literal[2, 3] = 3,
        width: PositiveFloat = 1.0,
        dropout: Probability = 0.4,
    ) -> None:
        super().__init__()
        maps, *shape = input_shape
        pool = Window(3, stride=2, ceil_mode=True)
        windows = [Window(7, stride=2, padding=3), pool, pool, pool]
        stack_output_shape(shape, [*windows, Window(last_pooling, stride=2, ceil_mode=True)])
        layers = _stem(maps, normalization, width)
        self.heads = nn.ModuleDict()
        channels = scaled(192, width)
        for module, columns in MODULES.items():
            one, reduce3, three, reduce5, five, pooled = (scaled(count, width) for count in columns)
            batch_norm = normalization == "batch"
            block = InceptionBlock(channels, one, reduce3, three, reduce5, five, pooled, batch_norm, largest_kernel)
            name, channels = f"inception{module}", block.out_channels
            layers[name] = block
            if module in POOLED:
                side = 3 if module == "3b" else last_pooling
                layers[f"pool{module[0]}"] = MaxPool2d(side, stride=2, ceil_mode=True)
            if auxiliary and module in ("4a", "4d"):
                left = stack_output_shape(shape, [*windows, Window(5, stride=3)])
                self.heads[name] = _head(channels, math.prod(left), classes, normalization, width)
        self.features = nn.Sequential(layers)
        self.classifier = nn.Sequential(
            OrderedDict(
                pooling=GlobalAveragePooling(), dropout=nn.Dropout(dropout), output=nn.Linear(channels, classes)
            )
        )
        initialize(self, "he")

    @classmethod
    def standard(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"input_shape": (3, 224, 224), "classes": 1000}

    @classmethod
    def examples(cls) -> list[ModelExample]:
        return [
            ModelExample({"input_shape": (3, 35, 31), "classes": 3, "width": 1 / 8}, (3, 35, 31)),
            ModelExample(
                {"input_shape": (1, 32, 32), "classes": 4, "width": 1 / 8, "normalization": "batch"}, (1, 32, 32)
            ),
        ]

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        judged = []
        for name, layer in self.features.named_children():
            x = layer(x)
            if self.training and name in self.heads:
                judged.append(self.heads[name](x))
        logits = self.classifier(x)
        return (logits, *judged) if judged else logits


def _stem(maps: int, normalization: Normalization, width: float) -> OrderedDict[str, nn.Module]:
    batch = normalization == "batch"
    first, last = scaled(64, width), scaled(192, width)
    layers = OrderedDict[str, nn.Module]()
    layers["conv1"] = ConvolutionUnit(maps, first, 7, stride=2, padding=3, batch_norm=batch)
    layers["pool1"] = MaxPool2d(3, stride=2, ceil_mode=True)
    if not batch:
        layers["norm1"] = LocalResponseNormalization()
    layers["conv2_reduce"] = ConvolutionUnit(first, first, 1, batch_norm=batch)
    layers["conv2"] = ConvolutionUnit(first, last, 3, padding=1, batch_norm=batch)
    if not batch:
        layers["norm2"] = LocalResponseNormalization()
    layers["pool2"] = MaxPool2d(3, stride=2, ceil_mode=True)
    return layers


def _head(channels: int, places: int, classes: int, normalization: Normalization, width: float) -> nn.Sequential:
    filters, hidden = scaled(128, width), scaled(1024, width)
    return nn.Sequential(
        OrderedDict(
            pooling=nn.AvgPool2d(5, stride=3),
            conv=ConvolutionUnit(channels, filters, 1, batch_norm=normalization == "batch"),
            flatten=nn.Flatten(),
            fc=nn.Linear(filters * places, hidden),
            activation=nn.ReLU(),
            dropout=nn.Dropout(0.7),
            output=nn.Linear(hidden, classes),
        )
    )
