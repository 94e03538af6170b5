"""Skip connections through time (catalogue 137)."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import Interval, PositiveInt
from ..activation import ACTIVATIONS, RecurrentActivation
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class SkipRNN(Cell):
    """A simple recurrent network that also sees its state of ``delay`` steps ago.

        h_t = f(W x_t + U h_{t-1} + U_d h_{t-d} + b)

    A gradient reaches d steps back in one step, so that it vanishes d times slower. The second state, ``past``, is the
    delay line h_{t-2}, ..., h_{t-d} side by side; before the first step it is zero.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t.
        delay: d, at least 2.
        activation: f.

    Source: Lin, Horne, Tino and Giles 1996, "Learning long-term dependencies in NARX recurrent neural networks"; S2.
    Departs from the paper: delays the hidden layer, where NARX nets delay the output; only one delay besides 1.
    """

    name = "skip-rnn"
    reference = "lin1996"
    states = ("h", "past")

    def __init__(
        self,
        input_size: PositiveInt,
        hidden_size: PositiveInt,
        delay: Annotated[int, Interval("[2, inf)")] = 4,
        activation: RecurrentActivation = "tanh",
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.delay, self.activation = input_size, hidden_size, delay, activation
        self.W = input_weights(input_size, hidden_size)
        self.U = recurrent_weights(hidden_size)
        self.U_d = recurrent_weights(hidden_size)
        self.b = biases(hidden_size)

    @classmethod
    def examples(cls) -> list[CellExample]:
        sizes = {"input_size": 3, "hidden_size": 4}
        return [CellExample({**sizes, "delay": 2}), CellExample({**sizes, "delay": 4, "activation": "sigmoid"})]

    def state_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"h": (self.hidden_size,), "past": ((self.delay - 1) * self.hidden_size,)}

    def step(self, x: Tensor, state: State) -> State:
        h, past = state
        f, H = ACTIVATIONS[self.activation], self.hidden_size
        h_d = past[:, -H:]
        past = torch.cat([h, past[:, :-H]], 1) if self.delay > 2 else h
        h = f(F.linear(x, self.W, self.b) + F.linear(self.dropout(h), self.U) + F.linear(self.dropout(h_d), self.U_d))
        return h, past
