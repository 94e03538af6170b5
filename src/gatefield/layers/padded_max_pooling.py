"""Max pooling with a stride and a padding of its own on each side."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from ..core.arguments import NonNegativeInt, PositiveInt
from ..functional.padding import pad_axes
from .layer import Layer, LayerExample

Sides = tuple[NonNegativeInt, NonNegativeInt]


class PaddedMaxPooling(Layer):
    """y = the maxima of windows of x with cells added around it: the decks' asymmetric pooling (catalogue 7, 8, 58).

    The decks add zeros, which win over negative values; torch's own poolings add minus infinity, which never wins.

    Args:
        kernel_size: (height, width) of the windows.
        stride: (downward, to the right).
        padding: ((top, bottom), (left, right)); one zero row at the bottom is ((0, 1), (0, 0)).
        filling: ``zeros``, or ``nothing`` for cells that never win.

    Source: lecture deck S2, "Pooling and Strides - an example". Departs from the deck: nowhere.
    """

    name = "padded-max-pooling"
    reference = "catalogue 7"

    def __init__(
        self,
        kernel_size: tuple[PositiveInt, PositiveInt],
        stride: tuple[PositiveInt, PositiveInt],
        padding: tuple[Sides, Sides] = ((0, 0), (0, 0)),
        filling: Literal["zeros", "nothing"] = "zeros",
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.value = 0.0 if filling == "zeros" else float("-inf")

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({"kernel_size": (2, 2), "stride": (2, 1), "padding": ((0, 1), (0, 1))}, (2, 5, 5)),
            LayerExample(
                {"kernel_size": (3, 1), "stride": (1, 2), "padding": ((1, 0), (0, 0)), "filling": "nothing"}, (1, 4, 6)
            ),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(pad_axes(x, self.padding, self.value), self.kernel_size, self.stride)
