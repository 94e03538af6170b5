"""Long short-term memory on frames (catalogue 147)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ..cell import CellExample, State
from ..convolution import ConvCell
from ..initialization import biases


class ConvLSTM(ConvCell):
    """Long short-term memory with convolutions; ``*`` is a convolution, ``.`` the Hadamard product.

        i_t = sigma(W_xi * X_t + W_hi * H_{t-1} + W_ci . C_{t-1} + b_i)
        f_t = sigma(W_xf * X_t + W_hf * H_{t-1} + W_cf . C_{t-1} + b_f)
        C_t = f_t . C_{t-1} + i_t . tanh(W_xc * X_t + W_hc * H_{t-1} + b_c)
        o_t = sigma(W_xo * X_t + W_ho * H_{t-1} + W_co . C_t + b_o)
        H_t = o_t . tanh(C_t)

    The kernels W_xi, W_xf, W_xc, W_xo lie one behind the other along the first axis of ``W``, W_hi ... of ``U``.

    Args:
        input_channels: channels of X_t.
        hidden_channels: channels of H_t and C_t.
        kernel_size: odd lengths, one for each dimension (one to three).
        size: the frame's size, for which the Hadamard peepholes W_ci, W_cf, W_co are made (they start at zero);
            None: no peepholes, and frames of any size.
        forget_bias: first value of b_f.

    Raises:
        ArgumentError: an even kernel length, or another number of sizes than lengths.

    Source: Shi et al. 2015, "Convolutional LSTM network: a machine learning approach for precipitation nowcasting",
    equation 3; S4.
    Departs from the paper: nowhere; without ``size`` it is the common form that leaves the peepholes out.
    """

    name = "conv-lstm"
    reference = "shi2015"
    states = ("H", "C")

    def __init__(
        self,
        input_channels: PositiveInt,
        hidden_channels: PositiveInt,
        kernel_size: tuple[PositiveInt, ...] = (3, 3),
        size: tuple[PositiveInt, ...] | None = None,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(input_channels, hidden_channels, kernel_size, size)
        self.W = self.kernels(input_channels, gates=4)
        self.U = self.kernels(hidden_channels, gates=4)
        self.b = biases(hidden_channels, 0.0, forget_bias, 0.0, 0.0)
        if size is not None:
            shape = (hidden_channels, *size)
            self.W_ci, self.W_cf, self.W_co = (nn.Parameter(torch.zeros(shape)) for _ in range(3))

    @classmethod
    def examples(cls) -> list[CellExample]:
        two = {"input_channels": 2, "hidden_channels": 2, "kernel_size": (3, 3), "size": (2, 3)}
        return [
            CellExample(two, (2, 2, 3)),
            CellExample({"input_channels": 1, "hidden_channels": 2, "kernel_size": (3,)}, (1, 4)),
            CellExample({"input_channels": 1, "hidden_channels": 1, "kernel_size": (1, 3, 1)}, (1, 2, 2, 1)),
        ]

    def step(self, x: Tensor, state: State) -> State:
        H, C = state
        i, f, g, o = (self.convolve(x, self.W, self.b) + self.convolve(self.dropout(H), self.U)).chunk(4, 1)
        if self.size is not None:
            i, f = i + self.W_ci * C, f + self.W_cf * C
        i, f, g = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g)
        C = f * C + i * g
        if self.size is not None:
            o = o + self.W_co * C
        o = torch.sigmoid(o)
        H = o * torch.tanh(C)
        self.observe(i=i, f=f, g=g, o=o)
        return H, C
