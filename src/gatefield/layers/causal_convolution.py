"""A convolution over time that never looks ahead."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.arguments import PositiveInt
from .convolution_unit import check_groups
from .layer import Layer, LayerExample


class CausalConvolution(Layer):
    """y_t = b + sum over i in 0..k-1 of W_i x_(t - d (k-1-i)), with x_t = 0 for t < 0: as long as x.

    Args:
        in_channels: channels of x (batch, in_channels, time).
        out_channels: channels of y (batch, out_channels, time).
        kernel_size: k.
        dilation: d; 1, 2, 4, ... in successive layers lets their view grow exponentially.
        groups: of the convolution.
        bias: whether there is b.

    Raises:
        ArgumentError: ``groups`` does not divide the channels.

    Source: Bai, Kolter and Koltun (2018), section 3.2 and figure 1a. Departs from the paper: nowhere.
    """

    name = "causal-convolution"
    reference = "bai2018"

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        kernel_size: PositiveInt,
        dilation: PositiveInt = 1,
        groups: PositiveInt = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_groups(groups, in_channels, out_channels)
        self.reach = dilation * (kernel_size - 1)
        self.conv = nn.Conv1d(in_channels, out_channels, kernel_size, dilation=dilation, groups=groups, bias=bias)

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({"in_channels": 2, "out_channels": 3, "kernel_size": 3, "dilation": 2}, (2, 7)),
            LayerExample({"in_channels": 2, "out_channels": 2, "kernel_size": 2, "groups": 2, "bias": False}, (2, 1)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (self.reach, 0)))

    def initial_state(self, x_t: Tensor) -> Tensor:
        """The past before the first step, all zeros: (batch, in_channels, d (k-1)) for x_t (batch, in_channels)."""
        return x_t.new_zeros(*x_t.shape, self.reach)

    def step(self, x_t: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step of a stream: y_t (batch, out_channels) and the state after it, equal to `forward` on the whole."""
        seen = torch.cat([state, x_t.unsqueeze(2)], 2)
        return self.conv(seen).squeeze(2), seen[:, :, 1:]
