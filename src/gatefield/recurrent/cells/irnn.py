"""Rectified units that begin by copying their state (catalogue 145)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveFloat, PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases


class IRNN(Cell):
    """Rectified simple recurrent network that starts as the identity: with no input the state stays as it is.

        h_t = max(0, W x_t + U h_{t-1} + b),    U = scale * I and b = 0 at the start

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t.
        scale: of the first U; the paper takes 1, and 0.01 where long memory is not wanted (speech).

    Source: Le, Jaitly and Hinton 2015, "A simple way to initialize recurrent networks of rectified linear units"; S3.
    Departs from the paper: nowhere; W starts as N(0, 0.001^2).
    """

    name = "irnn"
    reference = "le2015"

    def __init__(self, input_size: PositiveInt, hidden_size: PositiveInt, scale: PositiveFloat = 1.0) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W = nn.Parameter(0.001 * torch.randn(hidden_size, input_size))
        self.U = nn.Parameter(scale * torch.eye(hidden_size))
        self.b = biases(hidden_size)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_size": 3, "hidden_size": 5}), CellExample({"input_size": 3, "hidden_size": 1})]

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        h = torch.relu(F.linear(x, self.W, self.b) + F.linear(self.dropout(h), self.U))
        return (h,)
