"""The very deep networks of Oxford's Visual Geometry Group."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from ...core.arguments import PositiveFloat, PositiveInt, Probability
from ...core.errors import ArgumentError
from ...functional.convolution_arithmetic import Window, stack_output_shape
from ...layers.initialization import initialize
from ...layers.local_response_normalization import LocalResponseNormalization
from ...layers.max_pooling import MaxPool2d
from ..dense_head import dense_head
from ..model import Model, ModelExample
from ..width import scaled

#: Table 1: weight layers -> convolutions of each stage; the filters of each stage.
CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
FILTERS = (64, 128, 256, 512, 512)


class VGG(Model):
    """VGG: five stages of 3x3 convolutions, each followed by a 2x2 max pooling, and three fully connected layers.

    Table 1 of the paper, with its parameters for 3x224x224 images and 1000 classes:

        A      vgg11       132,863,336        C  vgg16-1x1  133,638,952
        A-LRN  vgg11-lrn   132,863,336        D  vgg16      138,357,544
        B      vgg13       133,047,848        E  vgg19      143,667,240

    Layers carry the names in use since: ``features.conv3_1`` is the first convolution of stage 3, ``classifier.fc6``
    the first fully connected layer.

    Args:
        input_shape: (channels, height, width); at least 32x32.
        classes: number of classes.
        depth: layers with weights.
        normalization: ``batch`` after every convolution; ``local-response`` after the first, as in A-LRN.
        third: kernel side of the third convolution of stages 3 to 5; 1 is the paper's C.
        width: factor on the filters and the hidden units of the paper.
        hidden: units of each of the two hidden fully connected layers; 4096 times ``width`` if None.
        dropout: chance in [0, 1) that a hidden unit is silent during training.

    Raises:
        ArgumentError: the image is too small, or a stage of this depth has no third convolution to make 1x1.

    Source: Simonyan and Zisserman (2015), Table 1 and section 2.1 (catalogue 19, 70). Departs from the paper: first
    weights are He's, drawn anew at every depth; the paper copies them from the trained net A. Batch normalization
    came later.
    """

    name = "vgg"
    reference = "simonyan2015"
    presets = {  # noqa: RUF012
        "vgg11": {"depth": 11},
        "vgg11-lrn": {"depth": 11, "normalization": "local-response"},
        "vgg13": {"depth": 13},
        "vgg16-1x1": {"depth": 16, "third": 1},
        "vgg16": {"depth": 16},
        "vgg19": {"depth": 19},
        "vgg11-bn": {"depth": 11, "normalization": "batch"},
        "vgg13-bn": {"depth": 13, "normalization": "batch"},
        "vgg16-bn": {"depth": 16, "normalization": "batch"},
        "vgg19-bn": {"depth": 19, "normalization": "batch"},
    }

    def __init__(
        self,
        input_shape: tuple[PositiveInt, PositiveInt, PositiveInt],
        classes: PositiveInt,
        depth: Literal[11, 13, 16, 19] = 16,
        normalization: Literal["none", "batch", "local-response"] = "none",
        third: Literal[1, 3] = 3,
        width: PositiveFloat = 1.0,
        hidden: PositiveInt | None = None,
        dropout: Probability = 0.5,
    ) -> None:
        super().__init__()
        if third == 1 and max(CONVOLUTIONS[depth]) < 3:
            raise ArgumentError(
                f"no stage of a VGG of {depth} layers has a third convolution",
                hint="choose depth 16 or 19, or leave 'third' at 3",
                path=("third",),
            )
        maps, *shape = input_shape
        left = stack_output_shape(shape, [Window(2, stride=2)] * 5)
        features = OrderedDict[str, nn.Module]()
        for stage, (count, filters) in enumerate(zip(CONVOLUTIONS[depth], FILTERS), start=1):
            for number in range(1, count + 1):
                side = third if (number == 3 and stage > 2) else 3
                out = scaled(filters, width)
                features[f"conv{stage}_{number}"] = nn.Conv2d(maps, out, side, padding=side // 2)
                if normalization == "batch":
                    features[f"norm{stage}_{number}"] = nn.BatchNorm2d(out)
                features[f"activation{stage}_{number}"] = nn.ReLU()
                if normalization == "local-response" and stage == number == 1:
                    features["norm1_1"] = LocalResponseNormalization()
                maps = out
            features[f"pool{stage}"] = MaxPool2d(2)
        hidden = scaled(4096, width) if hidden is None else hidden
        self.features = nn.Sequential(features)
        self.classifier = dense_head(maps * math.prod(left), hidden, classes, dropout)
        initialize(self, "he")

    @classmethod
    def standard(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"input_shape": (3, 224, 224), "classes": 1000}

    @classmethod
    def examples(cls) -> list[ModelExample]:
        small = {"classes": 3, "width": 0.125, "hidden": 16}
        return [
            ModelExample({"input_shape": (3, 32, 32), "depth": 11, **small}, (3, 32, 32)),
            ModelExample({"input_shape": (1, 32, 65), "depth": 13, **small}, (1, 32, 65)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))
