"""Two time scales in one cell: the decoder of characters that forms words by itself (catalogue 195)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.arguments import PositiveInt
from ...core.errors import ArgumentError
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class BiScale(Cell):
    """A fast layer h^1 and a slow layer h^2, which moves where the fast one signals a boundary by g^1.

        g1_t, n1_t = sigma, tanh(W_1 x_t + U_1 [(1 - g1_{t-1}) * h1_{t-1}, g1_{t-1} * h2_{t-1}] + b_1)
        h1_t = n1_t
        g2_t, n2_t = sigma, tanh(W_2 x_t + U_2 [g1_t * h1_t, (1 - g2_{t-1}) * h2_{t-1}] + b_2)
        h2_t = (1 - g1_t) * h2_{t-1} + g1_t * n2_t

    At a boundary (g1 near 1) the fast layer is reset and hears the slow one, which takes in what the fast one has
    gathered. The states are h = [h1, h2] and g = [g1, g2]; of W and U the upper half is the gate's.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t, both layers together; even.

    Raises:
        ArgumentError: an odd number of units.

    Source: Chung, Cho and Bengio (2016), section 4.2. Departs from the paper: the slow layer hears the whole input,
    where the paper gives it what attention found and not the character.
    """

    name = "bi-scale"
    reference = "chung2016"
    states = ("h", "g")

    def __init__(self, input_size: PositiveInt, hidden_size: PositiveInt) -> None:
        super().__init__()
        if hidden_size % 2:
            message = f"{hidden_size} units cannot be divided between two layers"
            raise ArgumentError(message, hint="give an even number", path=("hidden_size",))
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W_1 = input_weights(input_size, hidden_size // 2, gates=2)
        self.U_1 = recurrent_weights(hidden_size)
        self.b_1 = biases(hidden_size // 2, 0.0, 0.0)
        self.W_2 = input_weights(input_size, hidden_size // 2, gates=2)
        self.U_2 = recurrent_weights(hidden_size)
        self.b_2 = biases(hidden_size // 2, 0.0, 0.0)

    @classmethod
    def examples(cls) -> list[CellExample]:
        return [CellExample({"input_size": 3, "hidden_size": 4})]

    def step(self, x: Tensor, state: State) -> State:
        h, g = state
        h1, h2 = self.dropout(h).chunk(2, 1)
        g1, g2 = g.chunk(2, 1)
        old2 = h.chunk(2, 1)[1]
        fast = F.linear(x, self.W_1, self.b_1) + F.linear(torch.cat([(1 - g1) * h1, g1 * h2], 1), self.U_1)
        a1, n1 = fast.chunk(2, 1)
        g1, n1 = torch.sigmoid(a1), torch.tanh(n1)
        slow = F.linear(x, self.W_2, self.b_2) + F.linear(torch.cat([g1 * n1, (1 - g2) * h2], 1), self.U_2)
        a2, n2 = slow.chunk(2, 1)
        g2, n2 = torch.sigmoid(a2), torch.tanh(n2)
        self.observe(g1=g1, g2=g2)
        return torch.cat([n1, (1 - g1) * old2 + g1 * n2], 1), torch.cat([g1, g2], 1)
