"""A transposed convolution that enlarges by a whole factor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.arguments import PositiveInt
from .layer import Layer, LayerExample


class UpsamplingConvolution(Layer):
    """y = W^T x: a transposed convolution of stride f that makes exactly f times as many rows and columns.

    Starts as bilinear interpolation within each channel: a kernel of side 2f - f mod 2, the product of two triangles.

    Args:
        in_channels: channels of x.
        out_channels: channels of y; those beyond ``in_channels`` start at zero.
        factor: f.
        bias: whether y has one.

    Source: Long, Shelhamer and Darrell (2015), section 3.3; size: catalogue 16. Departs from the paper: nowhere.
    """

    name = "upsampling-convolution"
    reference = "long2015"

    def __init__(
        self, in_channels: PositiveInt, out_channels: PositiveInt, factor: PositiveInt = 2, bias: bool = True
    ) -> None:
        super().__init__()
        side, padding = 2 * factor - factor % 2, factor // 2
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, side, factor, padding, bias=bias)
        triangle = 1 - (torch.arange(side) - (side - 1) / 2).abs() / factor
        with torch.no_grad():
            self.conv.weight.zero_()
            for channel in range(min(in_channels, out_channels)):
                self.conv.weight[channel, channel] = triangle[:, None] * triangle
            if self.conv.bias is not None:
                self.conv.bias.zero_()

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({"in_channels": 2, "out_channels": 3}, (2, 3, 4)),
            LayerExample({"in_channels": 2, "out_channels": 1, "factor": 3, "bias": False}, (2, 2, 1)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
