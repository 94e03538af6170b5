"""Streams that end and begin inside a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.arguments import PositiveInt
from .cell import Cell, State
from .wrapper import Wrapper, beside


class Resetting(Wrapper):
    """A cell whose rows can start anew at any step.

        s_{t-1} <- s_0    for the rows where r_t = 1, before the step

    The last feature of its input is r_t, and behind the states of the cell lie the values s_0 of the first of them.

    Args:
        cell: the cell.
        renewed: how many states start anew; those behind them (a mask) stay.
    """

    def __init__(self, cell: Cell, renewed: PositiveInt) -> None:
        super().__init__(cell)
        self.renewed = renewed
        self.states = (*cell.states, *(f"{name}_0" for name in cell.states[:renewed]))

    def prepare(self, x: Tensor, state: State, reset: Tensor, first: State) -> tuple[Tensor, State]:
        """``reset`` (time, batch) is r, ``first`` the values s_0, (batch, *shape) each."""
        return beside(x, reset.reshape(*reset.shape, *(1,) * (x.dim() - 2))), (*state, *first)

    def step(self, x: Tensor, state: State) -> State:
        x, r = x[:, :-1], x[:, -1:]
        inner, first = state[: -self.renewed], state[-self.renewed :]
        old = [torch.where(r > 0, s_0, s) for s_0, s in zip(first, inner)]
        return (*self.cell.step(x, (*old, *inner[self.renewed :])), *first)
