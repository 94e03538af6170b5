"""The gated recurrent unit on frames."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.arguments import PositiveInt
from ..cell import CellExample, State
from ..convolution import ConvCell
from ..initialization import biases


class ConvGRU(ConvCell):
    """Gated recurrent unit with convolutions for matrix products; ``*`` is a convolution, ``.`` is element by element.

        z_t = sigma(W_z * x_t + U_z * h_{t-1} + b_z)
        r_t = sigma(W_r * x_t + U_r * h_{t-1} + b_r)
        h~_t = tanh(W * x_t + U * (r_t . h_{t-1}) + b)
        h_t = (1 - z_t) . h_{t-1} + z_t . h~_t

    The kernels W_z, W_r, W lie one behind the other along the first axis of ``W``; so do those of U and b.

    Args:
        input_channels: channels of x_t.
        hidden_channels: channels of h_t.
        kernel_size: odd lengths, one for each dimension (one to three).

    Source: Ballas, Yao, Pal and Courville 2016, "Delving deeper into convolutional networks for learning video
    representations".
    Departs from the paper: has biases.
    """

    name = "conv-gru"
    reference = "ballas2016"

    def __init__(
        self, input_channels: PositiveInt, hidden_channels: PositiveInt, kernel_size: tuple[PositiveInt, ...] = (3, 3)
    ) -> None:
        super().__init__(input_channels, hidden_channels, kernel_size, None)
        self.W = self.kernels(input_channels, gates=3)
        self.U = self.kernels(hidden_channels, gates=3)
        self.b = biases(hidden_channels, 0.0, 0.0, 0.0)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [
            CellExample({"input_channels": 2, "hidden_channels": 2, "kernel_size": (3,)}, (2, 4)),
            CellExample({"input_channels": 1, "hidden_channels": 2, "kernel_size": (3, 3)}, (1, 3, 2)),
        ]

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        n = self.hidden_channels
        x_z, x_r, x_h = self.convolve(x, self.W, self.b).chunk(3, 1)
        h_z, h_r = self.convolve(self.dropout(h), self.U[: 2 * n]).chunk(2, 1)
        z, r = torch.sigmoid(x_z + h_z), torch.sigmoid(x_r + h_r)
        candidate = torch.tanh(x_h + self.convolve(r * self.dropout(h), self.U[2 * n :]))
        h = (1 - z) * h + z * candidate
        self.observe(z=z, r=r, candidate=candidate)
        return (h,)
