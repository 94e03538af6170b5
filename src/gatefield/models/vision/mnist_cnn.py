"""The small convolutional network that lectures build for MNIST."""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ...functional.convolution_arithmetic import Window, stack_output_shape
from ...layers.activation import ActivationName, activation_module
from ...layers.convolution import convolution
from ...layers.linear import Linear
from ...layers.max_pooling import MaxPool2d
from ..model import Model, ModelExample


class MnistCNN(Model):
    """Small CNN for MNIST: 10 filters, pooling, 20 filters, pooling, one fully connected layer with softmax.

    Args:
        input_shape: (channels, height, width).
        classes: number of classes.
        filters: filters of each convolution; each is followed by an activation and a 2x2 max pooling of stride 2.
        kernel_size: side of the filters; borders are not padded.
        activation: after each convolution.

    Raises:
        ArgumentError: the image is too small.

    Source: lecture deck S0, "Custom CNN for MNIST Classification" (catalogue 76). Departs from the deck: it leaves
    open the size of the filters (5 here), the activation (ReLU) and the pooling (maximum).
    """

    name = "mnist-cnn"
    reference = "catalogue 76"

    def __init__(
        self,
        input_shape: tuple[PositiveInt, PositiveInt, PositiveInt],
        classes: PositiveInt,
        filters: tuple[PositiveInt, ...] = (10, 20),
        kernel_size: PositiveInt = 5,
        activation: ActivationName = "relu",
    ) -> None:
        super().__init__()
        maps, *shape = input_shape
        left = stack_output_shape(shape, [Window(kernel_size), Window(2, stride=2)] * len(filters))
        features = OrderedDict[str, nn.Module]()
        for depth, width in enumerate(filters, start=1):
            features[f"convolution{depth}"] = convolution(maps, width, kernel_size)
            features[f"activation{depth}"] = activation_module(activation)
            features[f"pooling{depth}"] = MaxPool2d(2)
            maps = width
        self.features = nn.Sequential(features)
        output = Linear(maps * math.prod(left), classes)
        self.classifier = nn.Sequential(OrderedDict(flatten=nn.Flatten(), output=output))

    @classmethod
    def examples(cls) -> list[ModelExample]:
        return [
            ModelExample({"input_shape": (1, 28, 28), "classes": 10}, (1, 28, 28)),
            ModelExample(
                {"input_shape": (3, 9, 11), "classes": 3, "filters": (2,), "kernel_size": 3, "activation": "gelu"},
                (3, 9, 11),
            ),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))
