"""Units that remember themselves only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ..activation import ACTIVATIONS, RecurrentActivation
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights


class IndRNN(Cell):
    """Independently recurrent network: a unit sees its own past and no other unit's.

        h_t = f(W x_t + u * h_{t-1} + b)

    The gradient of a unit over k steps is u^k times derivatives of f: with |u| <= 2^(1/T) it stays bounded over T
    steps. Units meet in the next level of a stack.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t.
        activation: f.

    Source: Li, Li, Cook, Zhu and Gao 2018, "Independently recurrent neural network (IndRNN)".
    Departs from the paper: u starts in U(0, 1) and is not clipped afterwards.
    """

    name = "indrnn"
    reference = "li2018"

    def __init__(
        self, input_size: PositiveInt, hidden_size: PositiveInt, activation: RecurrentActivation = "relu"
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.activation = input_size, hidden_size, activation
        self.W = input_weights(input_size, hidden_size)
        self.u = nn.Parameter(torch.rand(hidden_size))
        self.b = biases(hidden_size)

    @classmethod
    def examples(cls) -> list[CellExample]:
        sizes = {"input_size": 3, "hidden_size": 5}
        return [CellExample(sizes), CellExample({**sizes, "activation": "tanh"})]

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        h = ACTIVATIONS[self.activation](F.linear(x, self.W, self.b) + self.u * self.dropout(h))
        return (h,)
