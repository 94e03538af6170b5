"""Trainable sub-sampling, the pooling of LeNet-5."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.arguments import PositiveInt
from .layer import Layer, LayerExample


class SubSampling(Layer):
    """y_c = w_c (sum of x_c over a window) + b_c: one coefficient and one bias a map, windows side by side.

    Starts as average pooling: w = 1 / (window area), b = 0.

    Args:
        channels: maps.
        kernel_size: side of the square window, which is also its stride.

    Source: LeCun, Bottou, Bengio and Haffner (1998), section II.B, layer S2; the squashing function that follows
    there is a layer of its own here. Departs from the paper: in the first value of w, drawn at random there.
    """

    name = "sub-sampling"
    reference = "lecun1998"

    def __init__(self, channels: PositiveInt, kernel_size: PositiveInt = 2) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.weight = nn.Parameter(torch.full((channels,), 1 / kernel_size**2))
        self.bias = nn.Parameter(torch.zeros(channels))

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [LayerExample({"channels": 3}, (3, 4, 6)), LayerExample({"channels": 2, "kernel_size": 3}, (2, 7, 8))]

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        return math.prod(output_shape)

    def forward(self, x: Tensor) -> Tensor:
        sums = F.avg_pool2d(x, self.kernel_size, divisor_override=1)
        return self.weight[:, None, None] * sums + self.bias[:, None, None]
