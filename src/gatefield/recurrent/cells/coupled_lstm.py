"""Memorize new only where old is forgotten (catalogue 144)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class CoupledLSTM(Cell):
    """Long short-term memory whose input gate is one minus its forget gate.

        f_t = sigma(W_f x_t + U_f h_{t-1} + b_f)
        C~_t = tanh(W_C x_t + U_C h_{t-1} + b_C)
        o_t = sigma(W_o x_t + U_o h_{t-1} + b_o)
        C_t = f_t * C_{t-1} + (1 - f_t) * C~_t
        h_t = o_t * tanh(C_t)

    W holds W_f, W_C, W_o one below the other; so do U and b.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t and C_t.
        forget_bias: first value of b_f.

    Source: Greff et al. 2017, "LSTM: a search space odyssey", variant CIFG; S4 "Coupled Gates".
    Departs from the paper: Greff et al. keep the peepholes; the slide has none, nor has this.
    """

    name = "coupled-lstm"
    reference = "greff2017"
    states = ("h", "C")

    def __init__(self, input_size: PositiveInt, hidden_size: PositiveInt, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W = input_weights(input_size, hidden_size, gates=3)
        self.U = recurrent_weights(hidden_size, gates=3)
        self.b = biases(hidden_size, forget_bias, 0.0, 0.0)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_size": 3, "hidden_size": 5})]

    def step(self, x: Tensor, state: State) -> State:
        h, C = state
        f, g, o = (F.linear(x, self.W, self.b) + F.linear(self.dropout(h), self.U)).chunk(3, 1)
        f, g, o = torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        C = f * C + (1 - f) * g
        h = o * torch.tanh(C)
        self.observe(f=f, g=g, o=o)
        return h, C
