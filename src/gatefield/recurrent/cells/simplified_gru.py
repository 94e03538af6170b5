"""The gated unit with an update gate only (catalogue 138)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class SimplifiedGRU(Cell):
    """Gated recurrent unit without a reset gate.

        c~_t = tanh(W_c x_t + U_c c_{t-1} + b_c)
        G_u = sigma(W_u x_t + U_u c_{t-1} + b_u)
        c_t = G_u * c~_t + (1 - G_u) * c_{t-1}

    W holds W_c and W_u one below the other; so do U and b.

    Args:
        input_size: features of x_t.
        hidden_size: units of c_t.

    Source: S1 "Gated Recurrent Units" (W_c [c, x] there is W_c and U_c side by side).
    Departs from the paper: nowhere.
    """

    name = "simplified-gru"
    reference = "catalogue 138"
    states = ("c",)

    def __init__(self, input_size: PositiveInt, hidden_size: PositiveInt) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W = input_weights(input_size, hidden_size, gates=2)
        self.U = recurrent_weights(hidden_size, gates=2)
        self.b = biases(hidden_size, 0.0, 0.0)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_size": 3, "hidden_size": 5})]

    def step(self, x: Tensor, state: State) -> State:
        (c,) = state
        candidate, u = (F.linear(x, self.W, self.b) + F.linear(self.dropout(c), self.U)).chunk(2, 1)
        candidate, u = torch.tanh(candidate), torch.sigmoid(u)
        c = u * candidate + (1 - u) * c
        self.observe(candidate=candidate, u=u)
        return (c,)
