"""Gates that see the memory (catalogue 143)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class PeepholeLSTM(Cell):
    """Long short-term memory whose gates see the memory C; the output gate sees the new one.

        i_t = sigma(W_i x_t + U_i h_{t-1} + P_i C_{t-1} + b_i)
        f_t = sigma(W_f x_t + U_f h_{t-1} + P_f C_{t-1} + b_f)
        C~_t = tanh(W_C x_t + U_C h_{t-1} + b_C)
        C_t = f_t * C_{t-1} + i_t * C~_t
        o_t = sigma(W_o x_t + U_o h_{t-1} + P_o C_t + b_o)
        h_t = o_t * tanh(C_t)

    W holds W_i, W_f, W_C, W_o one below the other; so do U and b.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t and C_t.
        peephole: "diagonal": a gate sees its own memory cell, P C is p * C with vectors p_i, p_f, p_o, which start at
            zero; "full": it sees all, P_i and P_f are ``U_P`` one below the other and P_o is ``U_Po``.
        forget_bias: first value of b_f.

    Source: Gers and Schmidhuber 2000, "Recurrent nets that time and count" (diagonal); S4 "Peephole Connections",
    f_t = sigma(W_f [C_{t-1}, h_{t-1}, x_t] + b_f) (full), erratum 13.
    Departs from the paper: Gers and Schmidhuber squash by scaled logistic functions and cut the gradient at the gates.
    """

    name = "peephole-lstm"
    reference = "gers2000peephole"
    states = ("h", "C")

    def __init__(
        self,
        input_size: PositiveInt,
        hidden_size: PositiveInt,
        peephole: Literal["diagonal", "full"] = "diagonal",
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.peephole = input_size, hidden_size, peephole
        self.W = input_weights(input_size, hidden_size, gates=4)
        self.U = recurrent_weights(hidden_size, gates=4)
        self.b = biases(hidden_size, 0.0, forget_bias, 0.0, 0.0)
        if peephole == "diagonal":
            self.p_i, self.p_f, self.p_o = (nn.Parameter(torch.zeros(hidden_size)) for _ in range(3))
        else:
            self.U_P = recurrent_weights(hidden_size, gates=2)
            self.U_Po = recurrent_weights(hidden_size)

    @classmethod
    def examples(cls) -> list[CellExample]:
        sizes = {"input_size": 3, "hidden_size": 5}
        return [CellExample({**sizes, "peephole": "diagonal"}), CellExample({**sizes, "peephole": "full"})]

    def step(self, x: Tensor, state: State) -> State:
        h, C = state
        i, f, g, o = (F.linear(x, self.W, self.b) + F.linear(self.dropout(h), self.U)).chunk(4, 1)
        if self.peephole == "diagonal":
            i, f = torch.sigmoid(i + self.p_i * C), torch.sigmoid(f + self.p_f * C)
        else:
            P_i, P_f = F.linear(C, self.U_P).chunk(2, 1)
            i, f = torch.sigmoid(i + P_i), torch.sigmoid(f + P_f)
        g = torch.tanh(g)
        C = f * C + i * g
        o = torch.sigmoid(o + (self.p_o * C if self.peephole == "diagonal" else F.linear(C, self.U_Po)))
        h = o * torch.tanh(C)
        self.observe(i=i, f=f, g=g, o=o)
        return h, C
