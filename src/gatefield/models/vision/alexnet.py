"""AlexNet, the network of 2012, and its one-tower form of 2014."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from ...core.arguments import PositiveFloat, PositiveInt, Probability
from ...functional.convolution_arithmetic import Window, stack_output_shape
from ...layers.initialization import initialize
from ...layers.local_response_normalization import LocalResponseNormalization
from ...layers.max_pooling import MaxPool2d
from ..dense_head import dense_head
from ..model import Model, ModelExample
from ..width import scaled

#: Filters of the five convolutions, in both towers together.
FILTERS = {2: (96, 256, 384, 384, 256), 1: (64, 192, 384, 256, 256)}


class AlexNet(Model):
    """AlexNet: five convolutions, three overlapping max poolings, three fully connected layers.

    conv1 11x11/4 - norm - pool 3x3/2 - conv2 5x5 - norm - pool 3x3/2 - conv3, conv4, conv5 3x3 - pool 3x3/2 - fc6 -
    fc7 - output, a ReLU after each layer with weights but the last. conv2, conv4 and conv5 read only the maps of
    their own tower. For 3x227x227 and 1000 classes 60,965,224 parameters and 659,272 units (catalogue 22).

    ``alexnet-one-tower`` is the net of 2014 with 64 filters in its first convolution, undivided and without
    normalization, which lectures and libraries show as AlexNet (erratum 11); 61,100,840 parameters.
    ``alexnet-pool-norm`` has the decks' order, which is Caffe's (erratum 16).

    Args:
        input_shape: (channels, height, width); at least 63x63.
        classes: number of classes.
        towers: 2 for the paper's halves, trained on two devices, with 96, 256, 384, 384 and 256 filters in all; 1 for
            64, 192, 384, 256 and 256 filters.
        normalization: local response normalization after conv1 and conv2: before the pooling as in the paper, after it
            as in the decks, or nowhere.
        padding: cells around the image; ``auto`` pads images below 227x227 by 2, so that the 224x224 of the paper's
            text gives the 55x55 units of its arithmetic.
        width: factor on the filters and the hidden units of the paper.
        hidden: units of each of the two hidden fully connected layers; 4096 times ``width`` if None.
        dropout: chance in [0, 1) that a hidden unit is silent during training; after fc6 and after fc7.

    Raises:
        ArgumentError: the image is too small.

    Source: Krizhevsky, Sutskever and Hinton (2012), sections 3 and 4.2; one tower: Krizhevsky (2014), "One weird
    trick for parallelizing convolutional neural networks", in the widths that its users agreed upon.
    Departs from the paper: first weights are He's and all biases start at zero.
    """

    name = "alexnet"
    reference = "krizhevsky2012"
    presets = {  # noqa: RUF012
        "alexnet-one-tower": {"towers": 1, "normalization": "none"},
        "alexnet-pool-norm": {"normalization": "pool-norm"},
    }

    def __init__(
        self,
        input_shape: tuple[PositiveInt, PositiveInt, PositiveInt],
        classes: PositiveInt,
        towers: Literal[1, 2] = 2,
        normalization: Literal["norm-pool", "pool-norm", "none"] = "norm-pool",
        padding: Literal["auto", 0, 2] = "auto",
        width: PositiveFloat = 1.0,
        hidden: PositiveInt | None = None,
        dropout: Probability = 0.5,
    ) -> None:
        super().__init__()
        maps, *shape = input_shape
        if padding == "auto":
            padding = 2 if min(shape) < 227 else 0
        pool, third = Window(3, stride=2), Window(3, padding=1)
        windows = [Window(11, 4, padding), pool, Window(5, padding=2), pool, third, third, third, pool]
        left = stack_output_shape(shape, windows)
        one, two, three, four, five = (scaled(filters, width, towers) for filters in FILTERS[towers])
        hidden = scaled(4096, width) if hidden is None else hidden
        self.features = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(maps, one, 11, stride=4, padding=padding),
                activation1=nn.ReLU(),
                **_pooling(1, normalization),
                conv2=nn.Conv2d(one, two, 5, padding=2, groups=towers),
                activation2=nn.ReLU(),
                **_pooling(2, normalization),
                conv3=nn.Conv2d(two, three, 3, padding=1),
                activation3=nn.ReLU(),
                conv4=nn.Conv2d(three, four, 3, padding=1, groups=towers),
                activation4=nn.ReLU(),
                conv5=nn.Conv2d(four, five, 3, padding=1, groups=towers),
                activation5=nn.ReLU(),
                pool5=MaxPool2d(3, stride=2),
            )
        )
        self.classifier = dense_head(five * math.prod(left), hidden, classes, dropout)
        initialize(self, "he")

    @classmethod
    def standard(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"input_shape": (3, 227, 227), "classes": 1000}

    @classmethod
    def examples(cls) -> list[ModelExample]:
        small = {"classes": 3, "width": 1 / 16, "hidden": 12}
        return [
            ModelExample({"input_shape": (3, 63, 67), **small}, (3, 63, 67)),
            ModelExample({"input_shape": (1, 67, 67), "padding": 0, **small}, (1, 67, 67)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


def _pooling(number: int, normalization: str) -> dict[str, nn.Module]:
    pool: dict[str, nn.Module] = {f"pool{number}": MaxPool2d(3, stride=2)}
    norm: dict[str, nn.Module] = {f"norm{number}": LocalResponseNormalization()}
    if normalization == "none":
        return pool
    return norm | pool if normalization == "norm-pool" else pool | norm
