"""Long short-term memory as it is used today (catalogue 141)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class LSTM(Cell):
    """Long short-term memory with input, forget and output gates; computes what ``torch.nn.LSTM`` computes.

        i_t = sigma(W_i x_t + U_i h_{t-1} + b_i)
        f_t = sigma(W_f x_t + U_f h_{t-1} + b_f)
        g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
        o_t = sigma(W_o x_t + U_o h_{t-1} + b_o)
        c_t = f_t * c_{t-1} + i_t * g_t
        h_t = o_t * tanh(c_t)

    W holds W_i, W_f, W_g, W_o one below the other, as torch does; so do U and b.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t and c_t.
        forget_bias: first value of b_f; 1 keeps the memory open at the start (Jozefowicz et al. 2015; catalogue 162).

    Source: Gers, Schmidhuber and Cummins 2000, "Learning to forget", equations 1-7, S4 "LSTM in detail".
    Departs from the paper: squashes g and c by tanh, where the paper has scaled logistic functions.
    """

    name = "lstm"
    reference = "gers2000"
    states = ("h", "c")

    def __init__(self, input_size: PositiveInt, hidden_size: PositiveInt, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W = input_weights(input_size, hidden_size, gates=4)
        self.U = recurrent_weights(hidden_size, gates=4)
        self.b = biases(hidden_size, 0.0, forget_bias, 0.0, 0.0)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_size": 3, "hidden_size": 5})]

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        i, f, g, o = (F.linear(x, self.W, self.b) + F.linear(self.dropout(h), self.U)).chunk(4, 1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c + i * g
        h = o * torch.tanh(c)
        self.observe(i=i, f=f, g=g, o=o)
        return h, c
