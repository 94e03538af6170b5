"""Convolutions of 1x1, also those that step over cells."""

from __future__ import annotations

from torch import Tensor, nn

from ..functional.correlation import correlation


class PointwiseConvolution(nn.Conv2d):
    """y = W x + b at every ``stride``-th row and column: ``nn.Conv2d`` of 1x1, the other cells left out beforehand.

    See `functional.correlation` for what torch does otherwise.

    Args:
        in_channels: channels of x (batch, in_channels, height, width).
        out_channels: channels of y.
        stride: from one cell to the next.
        padding: cells of zeros on each side.
        groups: of the convolution.
        bias: whether there is b.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__(in_channels, out_channels, 1, stride, padding, groups=groups, bias=bias)
        self.cells: tuple[int, ...] = (padding, padding) if isinstance(padding, int) else padding

    def forward(self, input: Tensor) -> Tensor:
        return correlation(input, self.weight, self.bias, self.stride, self.cells, groups=self.groups)
