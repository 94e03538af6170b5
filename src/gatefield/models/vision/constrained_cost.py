"""Plain convolutional networks of equal cost: what is gained in depth is paid in width or in filter size."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ...core.errors import ArgumentError
from ...functional.convolution_arithmetic import Window, stack_output_shape
from ...layers.global_average_pooling import GlobalAveragePooling
from ...layers.initialization import initialize
from ...layers.max_pooling import MaxPool2d
from ..model import Model, ModelExample


class ConstrainedCost(Model):
    """The widest plain network of a given depth and filter size whose convolutions stay within a time cost.

        cost(w) = sum over layers l of n_(l-1) s^2 n_l m_l^2,  n_l = w 2^(stage of l - 1)

    n: filters, s: side of the filters, m: side of the maps. The budget fixes w, so that networks with one budget differ
    in how they spend it: deeper or wider, with large filters or small ones (catalogue 83). Stages of ``layers``
    convolutions are separated by 2x2 max pooling and end in global average pooling and a linear output.

    Args:
        input_shape: (channels, height, width).
        classes: number of classes.
        budget: multiply-adds that the convolutions of one forward pass may take.
        layers: convolutions of each stage; maps are halved and filters doubled from one to the next.
        kernel_size: s; maps keep their size; even filters have one more zero after the maps than before them.

    Raises:
        ArgumentError: the image is too small, or the budget for a single filter.

    Attributes:
        width: w.

    Source: He and Sun (2015), equation 1 and section 3. Departs from the paper: the networks are for small images, and
    batch normalization, which came later, follows every convolution.
    """

    name = "constrained-cost"
    reference = "hesun2015"
    presets = {  # noqa: RUF012
        "constrained-shallow-5x5": {"layers": [1, 1, 1], "kernel_size": 5},
        "constrained-shallow-3x3": {"layers": [1, 1, 1], "kernel_size": 3},
        "constrained-deep-3x3": {"layers": [3, 3, 3], "kernel_size": 3},
        "constrained-deep-2x2": {"layers": [3, 3, 3], "kernel_size": 2},
        "constrained-deeper-3x3": {"layers": [9, 9, 9], "kernel_size": 3},
    }

    def __init__(
        self,
        input_shape: tuple[PositiveInt, PositiveInt, PositiveInt],
        classes: PositiveInt,
        budget: PositiveInt = 5_000_000,
        layers: list[PositiveInt] = [2, 2, 2],  # noqa: B006 - never changed; configurations are lists
        kernel_size: PositiveInt = 3,
    ) -> None:
        super().__init__()
        if not layers:
            hint = "give the convolutions of each stage: [2, 2, 2]"
            raise ArgumentError("there are no convolutions", hint=hint, path=("layers",))
        maps, *shape = input_shape
        stack_output_shape(shape, [Window(2, stride=2)] * (len(layers) - 1))
        self.width = widest(input_shape, budget, layers, kernel_size)
        parts = OrderedDict[str, nn.Module]()
        for stage, count in enumerate(layers, start=1):
            filters = self.width * 2 ** (stage - 1)
            if stage > 1:
                parts[f"pool{stage - 1}"] = MaxPool2d(2)
            for number in range(1, count + 1):
                if kernel_size > 1:
                    before, after = (kernel_size - 1) // 2, kernel_size // 2
                    parts[f"padding{stage}_{number}"] = nn.ZeroPad2d((before, after, before, after))
                parts[f"conv{stage}_{number}"] = nn.Conv2d(maps, filters, kernel_size, bias=False)
                parts[f"norm{stage}_{number}"] = nn.BatchNorm2d(filters)
                parts[f"activation{stage}_{number}"] = nn.ReLU()
                maps = filters
        self.features = nn.Sequential(parts)
        self.classifier = nn.Sequential(OrderedDict(pooling=GlobalAveragePooling(), output=nn.Linear(maps, classes)))
        initialize(self, "he")

    @classmethod
    def standard(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"input_shape": (3, 224, 224), "classes": 1000}

    @classmethod
    def examples(cls) -> list[ModelExample]:
        return [
            ModelExample({"input_shape": (1, 9, 8), "classes": 3, "budget": 40_000}, (1, 9, 8)),
            ModelExample(
                {"input_shape": (3, 6, 7), "classes": 2, "budget": 9_000, "layers": [2, 1], "kernel_size": 2}, (3, 6, 7)
            ),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


def cost(input_shape: Sequence[int], width: int, layers: Sequence[int], kernel_size: int) -> int:
    """Multiply-adds of the convolutions, equation 1."""
    before, height, wide = input_shape
    total = 0
    for stage, count in enumerate(layers):
        filters = width * 2**stage
        for _ in range(count):
            total += before * kernel_size**2 * filters * height * wide
            before = filters
        height, wide = height // 2, wide // 2
    return total


def widest(input_shape: Sequence[int], budget: int, layers: Sequence[int], kernel_size: int) -> int:
    """The largest width whose `cost` is within ``budget``.

    Raises:
        ArgumentError: not even one filter is.
    """
    least = cost(input_shape, 1, layers, kernel_size)
    if least > budget:
        message = f"a budget of {budget:,} multiply-adds is too small for {sum(layers)} layers"
        raise ArgumentError(message, hint=f"give at least {least:,}", path=("budget",))
    width = math.isqrt(budget // least)  # the cost of w filters is at most w^2 times that of one
    while cost(input_shape, width + 1, layers, kernel_size) <= budget:
        width += 1
    return width
