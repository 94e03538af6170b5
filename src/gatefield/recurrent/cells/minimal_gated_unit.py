"""One gate for everything."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class MinimalGatedUnit(Cell):
    """Gated recurrent unit whose reset gate is its update gate.

        f_t = sigma(W_f x_t + U_f h_{t-1} + b_f)
        h~_t = tanh(W_h x_t + U_h (f_t * h_{t-1}) + b_h)
        h_t = (1 - f_t) * h_{t-1} + f_t * h~_t

    W holds W_f and W_h one below the other; so do U and b.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t.

    Source: Zhou, Wu, Zhang and Zhou 2016, "Minimal gated unit for recurrent neural networks".
    Departs from the paper: b_f starts at 0, where the authors start it at 1.
    """

    name = "minimal-gated-unit"
    reference = "zhou2016"

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
        (h,) = state
        U_f, U_h = self.U.chunk(2)
        x_f, x_h = F.linear(x, self.W, self.b).chunk(2, 1)
        f = torch.sigmoid(x_f + F.linear(self.dropout(h), U_f))
        candidate = torch.tanh(x_h + F.linear(f * self.dropout(h), U_h))
        h = (1 - f) * h + f * candidate
        self.observe(f=f, candidate=candidate)
        return (h,)
