"""Leaky units: a hidden layer with inertia (catalogue 136)."""

from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import Interval, PositiveInt
from ..activation import ACTIVATIONS, RecurrentActivation
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class LeakyRNN(Cell):
    """Leaky integrator units: a simple recurrent network that moves only part of the way.

        h~_t = f(W x_t + U h_{t-1} + b)
        h_t = (1 - a) h_{t-1} + a h~_t

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t.
        leak: a, in (0, 1]; 1 is the simple recurrent network, and 1/a about the number of steps a unit remembers.
        activation: f.

    Source: Jaeger et al. 2007, "Optimization and applications of echo state networks with leaky-integrator neurons";
    S4 "Echo State Networks" equations 2 and 3; S2 among the remedies for vanishing gradients.
    Departs from the paper: nowhere; all weights are trained here.
    """

    name = "leaky-rnn"
    reference = "jaeger2007"

    def __init__(
        self,
        input_size: PositiveInt,
        hidden_size: PositiveInt,
        leak: Annotated[float, Interval("(0, 1]")] = 0.5,
        activation: RecurrentActivation = "tanh",
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.leak, self.activation = input_size, hidden_size, leak, activation
        self.W = input_weights(input_size, hidden_size)
        self.U = recurrent_weights(hidden_size)
        self.b = biases(hidden_size)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_size": 3, "hidden_size": 5, "leak": 0.3})]

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        f, a = ACTIVATIONS[self.activation], self.leak
        candidate = f(F.linear(x, self.W, self.b) + F.linear(self.dropout(h), self.U))
        h = (1 - a) * h + a * candidate
        return (h,)
