"""The conjunction of character and state (catalogue 148)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights


class MultiplicativeRNN(Cell):
    """Tensor recurrent network: every input has its own recurrent matrix, factored to be affordable.

        f_t = (W_fx x_t) * (U_fh h_{t-1})
        h_t = tanh(U_hf f_t + W_hx x_t + b)

    that is h_t = tanh(U_hf diag(W_fx x_t) U_fh h_{t-1} + ...): the input chooses the transition.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t.
        factors: units of f_t; None: as many as hidden units.

    Source: Sutskever, Martens and Hinton 2011, "Generating text with recurrent neural networks", equations 7 and 8; S4.
    Departs from the paper: nowhere.
    """

    name = "multiplicative-rnn"
    reference = "sutskever2011"

    def __init__(self, input_size: PositiveInt, hidden_size: PositiveInt, factors: PositiveInt | None = None) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.factors = input_size, hidden_size, factors or hidden_size
        self.W_fx = input_weights(input_size, self.factors)
        self.U_fh = input_weights(hidden_size, self.factors)
        self.U_hf = input_weights(self.factors, hidden_size)
        self.W_hx = input_weights(input_size, hidden_size)
        self.b = biases(hidden_size)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [
            CellExample({"input_size": 3, "hidden_size": 5}),
            CellExample({"input_size": 3, "hidden_size": 5, "factors": 2}),
        ]

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        f = F.linear(x, self.W_fx) * F.linear(self.dropout(h), self.U_fh)
        h = torch.tanh(F.linear(f, self.U_hf) + F.linear(x, self.W_hx, self.b))
        self.observe(f=f)
        return (h,)
