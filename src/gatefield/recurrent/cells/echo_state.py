"""The reservoir of an echo state network: a random recurrent layer that need not be trained (catalogue 199, 204)."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import Interval, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from ...functional.reservoir_drive import Reservoir
from ...functional.reservoir_weights import Distribution, dense, random_weights, reservoir_weights
from ..cell import Cell, CellExample, State, once_a_sequence


class EchoState(Cell):
    """Leaky units with random weights of a chosen spectral radius.

        x~(n) = tanh(W^in [1; u(n)] + W x(n-1))             (2)
        x(n) = (1 - a) x(n-1) + a x~(n)                     (3)

    Weights are frozen unless ``trainable``; gradients pass through to what lies below in either case. Of a sparse W
    only the links are parameters, so that training keeps it sparse.

    Args:
        input_size: features of u(n).
        hidden_size: units of x(n).
        leak: a, in (0, 1].
        spectral_radius: of W. Below 1 the reservoir forgets its initial state in most cases; tasks of long memory and
            strong input want more.
        input_scale: W^in is from U(-input_scale, input_scale), or N(0, input_scale^2).
        bias_scale: the same for the weights of the constant 1.
        degree: links into each unit, fixed, whatever the size; None: all units to all.
        distribution: of all weights.
        trainable: whether optimizers see the weights.

    Raises:
        ArgumentError: more links than units, or a W that no factor brings to the spectral radius.

    Source: Lukosevicius 2012, "A practical guide to applying echo state networks", equations 2 and 3, sections 3.2.1
    to 3.2.6; S4 "Echo State Networks".
    Departs from the paper: nowhere.
    """

    name = "echo-state"
    reference = "lukosevicius2012"

    def __init__(
        self,
        input_size: NonNegativeInt,
        hidden_size: PositiveInt,
        leak: Annotated[float, Interval("(0, 1]")] = 0.3,
        spectral_radius: PositiveFloat = 0.9,
        input_scale: NonNegativeFloat = 0.5,
        bias_scale: NonNegativeFloat = 0.5,
        degree: PositiveInt | None = 10,
        distribution: Distribution = "uniform",
        trainable: bool = False,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.leak = input_size, hidden_size, leak
        device, dtype = torch.get_default_device(), torch.get_default_dtype()

        def parameter(values: Tensor) -> nn.Parameter:
            return nn.Parameter(values.to(device, dtype), requires_grad=trainable)

        self.W = parameter(random_weights((hidden_size, input_size), input_scale, distribution))
        self.b = parameter(random_weights((hidden_size,), bias_scale, distribution))
        values, links = reservoir_weights(hidden_size, degree, spectral_radius, distribution)
        self.U = parameter(values)
        self.links: Tensor | None
        self.register_buffer("links", None if links is None else links.to(device))

    @classmethod
    def examples(cls) -> list[CellExample]:
        common = {"input_size": 3, "hidden_size": 6, "trainable": True}
        return [CellExample({**common, "degree": 3}), CellExample({**common, "degree": None, "distribution": "normal"})]

    @once_a_sequence
    def recurrent(self) -> Tensor:
        """W of the paper, (hidden_size, hidden_size)."""
        return self.U if self.links is None else dense(self.U, self.links)

    def reservoir(self) -> Reservoir:
        """The weights as they are now, for the fast drive without gradients."""
        return Reservoir.of(self.W, self.b, self.U, self.links, self.leak)

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        a = self.leak
        candidate = torch.tanh(F.linear(x, self.W, self.b) + F.linear(self.dropout(h), self.recurrent()))
        h = (1 - a) * h + a * candidate
        return (h,)
