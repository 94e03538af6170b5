"""Output recurrence: the net hears its own last answer (catalogue 170)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import PositiveInt
from ..activation import ACTIVATIONS, RecurrentActivation
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights


class Jordan(Cell):
    """Output recurrence: y^t is passed on to h^{t+1}, and not h^t itself.

        h_t = f(W x_t + U y_{t-1} + b)
        y_t = g(V h_t + b_y)

    The state, and what the cell emits, is y.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t.
        output_size: features of y_t.
        activation: f.
        output_activation: g.

    Source: Jordan 1986, "Attractor dynamics and parallelism in a connectionist sequential machine"; S2 "RNN Variants".
    Departs from the paper: the state units are y_{t-1} alone, where Jordan lets them decay, s_t = mu s_{t-1} + y_{t-1}.
    """

    name = "jordan"
    reference = "jordan1986"
    states = ("y",)

    def __init__(
        self,
        input_size: PositiveInt,
        hidden_size: PositiveInt,
        output_size: PositiveInt,
        activation: RecurrentActivation = "tanh",
        output_activation: RecurrentActivation = "identity",
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.output_size = input_size, hidden_size, output_size
        self.activation, self.output_activation = activation, output_activation
        self.W = input_weights(input_size, hidden_size)
        self.U = input_weights(output_size, hidden_size)
        self.b = biases(hidden_size)
        self.V = input_weights(hidden_size, output_size)
        self.b_y = biases(output_size)

    @classmethod
    def examples(cls) -> list[CellExample]:
        sizes = {"input_size": 3, "hidden_size": 5, "output_size": 2}
        return [CellExample(sizes), CellExample({**sizes, "output_activation": "sigmoid"})]

    def state_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"y": (self.output_size,)}

    def step(self, x: Tensor, state: State) -> State:
        (y,) = state
        f, g = ACTIVATIONS[self.activation], ACTIVATIONS[self.output_activation]
        h = f(F.linear(x, self.W, self.b) + F.linear(self.dropout(y), self.U))
        y = g(F.linear(h, self.V, self.b_y))
        self.observe(h=h)
        return (y,)
