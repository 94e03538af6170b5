"""The layer that suits a convolution of pictures."""

from __future__ import annotations

from torch import nn

from ..functional.few_channels import are_few
from .few_channel_convolution import Conv2d
from .pointwise_convolution import PointwiseConvolution


def convolution(
    in_channels: int,
    out_channels: int,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] | str = 0,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = True,
) -> nn.Conv2d:
    """``nn.Conv2d`` of the same arguments, or an equal layer: of 1x1 with a stride, or of few channels."""
    sides = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    steps = (stride, stride) if isinstance(stride, int) else stride
    if not isinstance(padding, str):
        if sides == (1, 1) and steps != (1, 1):
            return PointwiseConvolution(in_channels, out_channels, stride, padding, groups, bias)
        if steps == (1, 1) and dilation == groups == 1 and are_few(in_channels, out_channels, sides):
            return Conv2d(in_channels, out_channels, kernel_size, padding, bias)
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
