"""The real sister of the unitary network: an orthogonal recurrent matrix (S2, solution 1)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State, once_a_sequence
from ..initialization import biases, input_weights


class OrthogonalRNN(Cell):
    """Recurrent network whose recurrent matrix is orthogonal by construction: all its singular values are 1.

        Q = exp(A - A^T)
        z_t = W x_t + Q h_{t-1}
        h_t = modReLU(z_t) = sign(z_t) max(0, |z_t| + b)

    The exponential of a skew matrix is orthogonal whatever A is, so plain gradient descent on A keeps Q orthogonal.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t.

    Source: Lezcano-Casado and Martinez-Rubio 2019, "Cheap orthogonal constraints in neural networks"; A starts with
    2 x 2 rotations by angles from U(-pi, pi), after Helfrich, Willmott and Ye 2018; S2 "Force U to have singular values
    around 1".
    Departs from the paper: nowhere.
    """

    name = "orthogonal-rnn"
    reference = "lezcano2019"

    def __init__(self, input_size: PositiveInt, hidden_size: PositiveInt) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W = input_weights(input_size, hidden_size)
        A = torch.zeros(hidden_size, hidden_size)
        first = torch.arange(0, hidden_size - 1, 2)
        A[first, first + 1] = math.pi * (2 * torch.rand(len(first)) - 1)
        self.A = nn.Parameter(A)
        self.b = biases(hidden_size)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_size": 3, "hidden_size": 5}), CellExample({"input_size": 3, "hidden_size": 1})]

    @once_a_sequence
    def orthogonal(self) -> Tensor:
        """Q (hidden_size, hidden_size)."""
        return torch.linalg.matrix_exp(self.A - self.A.T)

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        z = F.linear(x, self.W) + F.linear(self.dropout(h), self.orthogonal())
        h = torch.sign(z) * torch.relu(torch.abs(z) + self.b)
        return (h,)
