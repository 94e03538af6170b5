"""The simple recurrent network (catalogue 134)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import PositiveInt
from ..activation import ACTIVATIONS, RecurrentActivation
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class Elman(Cell):
    """Simple recurrent network: the hidden layer sees the input and itself one step ago.

        h_t = f(W x_t + U h_{t-1} + b)

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t.
        activation: f; the paper has a logistic sigmoid, the decks and torch have tanh.

    Source: Elman 1990, "Finding structure in time"; S3 equation 1 (W_xh, W_hh, b_h).
    Departs from the paper: f is tanh unless asked, and h_0 is 0 where the paper has 0.5 (`Recurrent` takes either).
    """

    name = "elman"
    reference = "elman1990"

    def __init__(
        self, input_size: PositiveInt, hidden_size: PositiveInt, activation: RecurrentActivation = "tanh"
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.activation = input_size, hidden_size, activation
        self.W = input_weights(input_size, hidden_size)
        self.U = recurrent_weights(hidden_size)
        self.b = biases(hidden_size)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [
            CellExample({"input_size": 3, "hidden_size": 5}),
            CellExample({"input_size": 3, "hidden_size": 4, "activation": "relu"}),
            CellExample({"input_size": 3, "hidden_size": 4, "activation": "sigmoid"}),
        ]

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        f = ACTIVATIONS[self.activation]
        h = f(F.linear(x, self.W, self.b) + F.linear(self.dropout(h), self.U))
        return (h,)
