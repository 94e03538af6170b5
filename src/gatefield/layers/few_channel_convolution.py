"""Convolutions of pictures that have few channels."""

from __future__ import annotations

from torch import Tensor, nn

from ..functional.few_channels import few_channel_convolution


class Conv2d(nn.Conv2d):
    """torch's layer of stride 1, faster on processors where channels are few: see `functional.few_channels`.

    Args:
        in_channels, out_channels, kernel_size, bias: see ``nn.Conv2d``.
        padding: cells of zeros on each side.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=padding, bias=bias)
        self.cells: tuple[int, ...] = (padding, padding) if isinstance(padding, int) else padding

    def forward(self, input: Tensor) -> Tensor:
        return few_channel_convolution(input, self.weight, self.bias, self.cells)
