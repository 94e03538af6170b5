"""Any shallow network made recurrent by feeding its features back (catalogue 135)."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ...core.errors import ArgumentError
from ..cell import Cell, CellExample, State
from ..initialization import recurrent_weights


class ShallowRNN(Cell):
    """A feed-forward network that gets its last output beside the input.

        h_t = network([x_t, h_{t-1}])

    Args:
        network: maps (batch, input_size + hidden_size) to (batch, hidden_size), every row by itself.
        input_size: features of x_t.
        hidden_size: features of h_t.

    Raises:
        ArgumentError: the network does not map these sizes.

    Source: S0 "Turning Shallow FNN to Basic RNN": from h = f(W_1 x) to h_t = f(W_1 x_t + W_0 h_{t-1});
    `feeding_back` does that to a layer.
    Departs from the paper: nowhere.
    """

    name = "shallow-rnn"
    reference = "catalogue 135"

    def __init__(self, network: nn.Module, input_size: PositiveInt, hidden_size: PositiveInt) -> None:
        super().__init__()
        self.network, self.input_size, self.hidden_size = network, input_size, hidden_size
        first = next(network.parameters(), torch.zeros(0))
        try:
            given = tuple(network(first.new_zeros(1, input_size + hidden_size)).shape)
        except RuntimeError as error:
            message = f"the network does not take {input_size} + {hidden_size} features: {error}"
            raise ArgumentError(message, hint="its input is x_t and h_{t-1} side by side", path=("network",)) from error
        if given != (1, hidden_size):
            message = f"the network maps one row to {given}, not to (1, {hidden_size})"
            raise ArgumentError(message, hint="its output is h_t, hidden_size features", path=("network",))

    @classmethod
    def feeding_back(cls, layer: nn.Linear, activation: nn.Module) -> Self:
        """h = f(W_1 x + b) made recurrent: h_t = f(W_1 x_t + W_0 h_{t-1} + b), W_0 a new orthogonal matrix."""
        inputs, hidden = layer.in_features, layer.out_features
        both = nn.Linear(inputs + hidden, hidden, bias=layer.bias is not None).to(layer.weight)
        with torch.no_grad():
            both.weight.copy_(torch.cat([layer.weight, recurrent_weights(hidden).to(layer.weight)], 1))
            if layer.bias is not None:
                both.bias.copy_(layer.bias)
        return cls(nn.Sequential(both, copy.deepcopy(activation)), inputs, hidden)

    @classmethod
    def examples(cls) -> list[CellExample]:
        network = nn.Sequential(nn.Linear(3 + 4, 6), nn.Sigmoid(), nn.Linear(6, 4), nn.Tanh())
        return [CellExample({"network": network, "input_size": 3, "hidden_size": 4})]

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        h = self.network(torch.cat([x, self.dropout(h)], 1))
        return (h,)
