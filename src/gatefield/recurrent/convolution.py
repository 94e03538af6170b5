"""What convolutional cells share: their sizes, and a convolution that keeps a frame's size."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import ArgumentError
from .cell import Cell

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class ConvCell(Cell):
    """A cell on frames (channels, *size) of one to three dimensions; its matrix products are convolutions.

    Frames are padded with zeros, so that a state has the size of the input: what lies outside a frame is unknown, and
    its state is zero.
    """

    def __init__(
        self, input_channels: int, hidden_channels: int, kernel_size: tuple[int, ...], size: tuple[int, ...] | None
    ) -> None:
        super().__init__()
        if not 1 <= len(kernel_size) <= 3 or any(length % 2 == 0 for length in kernel_size):
            hint = "give an odd length for each dimension, such as (3, 3) for pictures"
            raise ArgumentError(f"{kernel_size} is not one to three odd lengths", hint=hint, path=("kernel_size",))
        if size is not None and len(size) != len(kernel_size):
            message = f"{len(size)} sizes {size} for a kernel of {len(kernel_size)} dimensions"
            raise ArgumentError(message, hint="give one size for each length of the kernel", path=("size",))
        self.input_channels, self.hidden_channels, self.kernel_size = input_channels, hidden_channels, kernel_size
        self.size = size

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        return (self.input_channels, *(self.size or (None,) * len(self.kernel_size)))

    def state_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(self.states, (self.hidden_channels, *input_shape[1:]))

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """``weight`` * ``x``, as large as x."""
        padding = tuple(length // 2 for length in self.kernel_size)
        return CONVOLUTIONS[len(self.kernel_size)](x, weight, bias, padding=padding)

    def kernels(self, channels: int, gates: int) -> nn.Parameter:
        """(gates * hidden_channels, channels, *kernel_size): U(-a, a), a = sqrt(6 / (fan in + fan out)) of one gate."""
        area = math.prod(self.kernel_size)
        a = math.sqrt(6 / (area * (channels + self.hidden_channels)))
        shape = (gates * self.hidden_channels, channels, *self.kernel_size)
        return nn.Parameter(a * (2 * torch.rand(shape) - 1))
