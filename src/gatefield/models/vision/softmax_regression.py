"""Softmax regression: the linear classifier."""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ...layers.initialization import initialize
from ..model import Model, ModelExample


class SoftmaxRegression(Model):
    """Softmax regression: logits W x + b of the flattened input x, and no hidden layer.

    Starts at W = 0 and b = 0: the objective is convex, so there is no symmetry to break.

    Args:
        input_shape: shape of one input, any number of dimensions.
        classes: number of classes.

    Source: Goodfellow, Bengio and Courville (2016), section 6.2.2.3. Departs from the book: nowhere.
    """

    name = "softmax-regression"
    reference = "goodfellow2016"

    def __init__(self, input_shape: tuple[PositiveInt, ...], classes: PositiveInt) -> None:
        super().__init__()
        linear = nn.Linear(math.prod(input_shape), classes)
        initialize(linear, "zero")
        self.classifier = nn.Sequential(OrderedDict(flatten=nn.Flatten(), output=linear))

    @classmethod
    def examples(cls) -> list[ModelExample]:
        return [
            ModelExample({"input_shape": (1, 28, 28), "classes": 10}, (1, 28, 28)),
            ModelExample({"input_shape": (7,), "classes": 3}, (7,)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(x)
