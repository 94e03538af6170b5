"""A 1x1 convolution that steps over cells."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class PointwiseConvolution(nn.Conv2d):
    """y = W x at every ``stride``-th row and column: ``nn.Conv2d`` of 1x1, the other cells left out beforehand.

    Left to oneDNN as one strided convolution, the gradient of W is not safe: in channels-last order, with fewer
    channels than fill a vector and with two threads, torch 2.13 writes beyond the memory set aside for it.

    Args:
        in_channels: channels of x (batch, in_channels, height, width).
        out_channels: channels of y.
        stride: from one cell to the next.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        rows, columns = self.stride
        cells = input if rows == columns == 1 else F.avg_pool2d(input, 1, (rows, columns))
        return F.conv2d(cells, self.weight)
