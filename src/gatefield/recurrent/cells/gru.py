"""The gated recurrent unit, in the form of the decks and in the form of the libraries (catalogue 139, 140)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ..cell import Cell, CellExample, State
from ..initialization import biases, input_weights, recurrent_weights


class GRU(Cell):
    """Gated recurrent unit, with both places of the reset gate and both senses of the update gate.

        r_t = sigma(W_r x_t + U_r h_{t-1} + b_r)
        z_t = sigma(W_z x_t + U_z h_{t-1} + b_z)
        n_t = tanh(W_n x_t + U_n (r_t * h_{t-1}) + b_n)             reset "before" the matrix product
        n_t = tanh(W_n x_t + r_t * (U_n h_{t-1} + b_Un) + b_n)      reset "after" it
        h_t = (1 - z_t) * h_{t-1} + z_t * n_t                       update "decks": z admits the new state
        h_t = z_t * h_{t-1} + (1 - z_t) * n_t                       update "torch": z keeps the old state

    ``reset="before", update="decks"`` is every lecture deck; ``reset="after", update="torch"`` is ``torch.nn.GRU``, and
    Keras by default. No library offers "before" at the speed of "after". W holds W_r, W_z, W_n one below the other.

    Args:
        input_size: features of x_t.
        hidden_size: units of h_t.
        reset: whether the reset gate acts on h before or after its product with U_n.
        update: what the update gate multiplies.

    Source: Cho et al. 2014 (reset before, z keeps the old state); S0, S1 and S4 (z admits the new state), erratum 15.
    Departs from the paper: nowhere, with ``reset="before", update="torch"`` and the bias it leaves out.
    """

    name = "gru"
    reference = "cho2014"

    def __init__(
        self,
        input_size: PositiveInt,
        hidden_size: PositiveInt,
        reset: Literal["before", "after"] = "before",
        update: Literal["decks", "torch"] = "decks",
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.reset, self.update = input_size, hidden_size, reset, update
        self.W = input_weights(input_size, hidden_size, gates=3)
        self.U = recurrent_weights(hidden_size, gates=3)
        self.b = biases(hidden_size, 0.0, 0.0, 0.0)
        if reset == "after":
            self.b_Un = nn.Parameter(torch.zeros(hidden_size))

    @classmethod
    def examples(cls) -> list[CellExample]:
        sizes = {"input_size": 3, "hidden_size": 5}
        return [
            CellExample({**sizes, "reset": reset, "update": update})
            for reset, update in (("before", "decks"), ("after", "torch"), ("before", "torch"), ("after", "decks"))
        ]

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        H = self.hidden_size
        x_r, x_z, x_n = F.linear(x, self.W, self.b).chunk(3, 1)
        if self.reset == "before":
            h_r, h_z = F.linear(self.dropout(h), self.U[: 2 * H]).chunk(2, 1)
            r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
            n = torch.tanh(x_n + F.linear(r * self.dropout(h), self.U[2 * H :]))
        else:
            h_r, h_z, h_n = F.linear(self.dropout(h), self.U).chunk(3, 1)
            r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
            n = torch.tanh(x_n + r * (h_n + self.b_Un))
        self.observe(r=r, z=z, n=n)
        if self.update == "decks":
            return ((1 - z) * h + z * n,)
        return (z * h + (1 - z) * n,)
