"""A vertical convolution, then a horizontal one."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from ..core.arguments import NonNegativeInt, PositiveInt
from ..core.errors import ArgumentError
from ..functional.kernel_factorization import separate_convolution
from .convolution import convolution
from .layer import Layer, LayerExample


class SpatiallySeparableConvolution(Layer):
    """y = H * (V * x): kernels V of one column and kernels H of one row, in place of square ones.

    With one channel throughout, its kernels are those of rank one, such as Sobel's (catalogue 48), at 2k in place of
    k^2 weights.

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size: length of the columns and of the rows.
        rank: channels between V and H; a large one can express every convolution.
        stride: of V downward, of H to the right.
        padding: zeros on each side.
        bias: of H.

    Source: Jaderberg, Vedaldi and Zisserman (2014), section 2.1, scheme 2. Departs from the paper: trained from the
    start, unless `from_convolution` makes it.
    """

    name = "spatially-separable-convolution"
    reference = "jaderberg2014"

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        kernel_size: PositiveInt,
        rank: PositiveInt,
        stride: PositiveInt = 1,
        padding: NonNegativeInt = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.vertical = convolution(in_channels, rank, (kernel_size, 1), (stride, 1), (padding, 0), bias=False)
        self.horizontal = convolution(rank, out_channels, (1, kernel_size), (1, stride), (0, padding), bias=bias)

    @classmethod
    def examples(cls) -> list[LayerExample]:
        small = {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "rank": 2}
        return [
            LayerExample({**small, "padding": 1}, (2, 4, 5)),
            LayerExample({**small, "stride": 2, "bias": False}, (2, 6, 7)),
            LayerExample({**small, "kernel_size": 1, "stride": 2, "padding": 1}, (2, 4, 5)),
        ]

    @classmethod
    def from_convolution(cls, convolution: nn.Conv2d, rank: int) -> Self:
        """The separable convolution of ``rank`` whose kernels come closest to those of ``convolution``.

        Raises:
            ArgumentError: it has groups, a dilation or a padding other than zeros, or its axes differ; or the rank is
                larger than its kernels have.
        """
        square = all(len(set(pair)) == 1 for pair in (convolution.kernel_size, convolution.stride, convolution.padding))
        plain = convolution.groups == 1 and convolution.dilation == (1, 1) and convolution.padding_mode == "zeros"
        if not square or not plain or isinstance(convolution.padding, str):
            hint = "give one with square kernels, without groups and dilation, and with its padding in cells"
            raise ArgumentError(f"{convolution} cannot be separated", hint=hint, path=("convolution",))
        side, stride, padding = convolution.kernel_size[0], convolution.stride[0], convolution.padding[0]
        separated = separate_convolution(convolution.weight.detach(), rank)
        bias = convolution.bias is not None
        layer = cls(convolution.in_channels, convolution.out_channels, side, rank, stride, padding, bias)
        layer.to(convolution.weight.device, convolution.weight.dtype)
        with torch.no_grad():
            layer.vertical.weight.copy_(separated.vertical)
            layer.horizontal.weight.copy_(separated.horizontal)
            if convolution.bias is not None and layer.horizontal.bias is not None:
                layer.horizontal.bias.copy_(convolution.bias)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        return self.horizontal(self.vertical(x))
