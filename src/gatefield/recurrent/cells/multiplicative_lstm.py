"""Long short-term memory with input-dependent transitions (catalogue 148)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class MultiplicativeLSTM(Cell):
    """Long short-term memory that sees, in place of h, the product m of what input and state say.

        m_t = (W_m x_t) * (U_m h_{t-1})
        i_t = sigma(W_i x_t + U_i m_t + b_i)
        f_t = sigma(W_f x_t + U_f m_t + b_f)
        g_t = tanh(W_g x_t + U_g m_t + b_g)
        o_t = sigma(W_o x_t + U_o m_t + b_o)
        c_t = f_t * c_{t-1} + i_t * g_t
        h_t = o_t * tanh(c_t)

    W holds W_i, W_f, W_g, W_o one below the other; so do U and b.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t, c_t and m_t.
        forget_bias: first value of b_f.

    Source: Krause, Lu, Murray and Renals 2016, "Multiplicative LSTM for sequence modelling".
    Departs from the paper: has biases.
    """

    name = "multiplicative-lstm"
    reference = "krause2016"
    states = ("h", "c")

    def __init__(self, input_size: PositiveInt, hidden_size: PositiveInt, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W_m = input_weights(input_size, hidden_size)
        self.U_m = recurrent_weights(hidden_size)
        self.W = input_weights(input_size, hidden_size, gates=4)
        self.U = recurrent_weights(hidden_size, gates=4)
        self.b = biases(hidden_size, 0.0, forget_bias, 0.0, 0.0)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_size": 3, "hidden_size": 5})]

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        m = F.linear(x, self.W_m) * F.linear(self.dropout(h), self.U_m)
        i, f, g, o = (F.linear(x, self.W, self.b) + F.linear(m, self.U)).chunk(4, 1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c + i * g
        h = o * torch.tanh(c)
        self.observe(m=m, i=i, f=f, g=g, o=o)
        return h, c
