"""A cell around a cell: what a layer adds to a step without touching the cell.

Random numbers and masks do not belong in a step, which a trace would freeze. They are drawn before the loop, by a
wrapper's ``prepare``, and laid beside the input, where they change from step to step, or beside the state, where they
stay; the step of the wrapper is plain again and the engine runs it like any other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .cell import Cell


class Wrapper(Cell):
    """A cell that does something before or after the step of another.

    Args:
        cell: the cell inside, perhaps a wrapper itself.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        self.states, self.emits = cell.states, cell.states[cell.emitted]

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        return self.cell.input_shape

    def state_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Of the cell inside; what ``prepare`` lays beside input and state is not counted."""
        return self.cell.state_shapes(input_shape)


def beside(x: Tensor, extra: Tensor) -> Tensor:
    """``x`` (time, batch, features, ...) with further features behind its own, the same all over a frame."""
    return torch.cat([x, extra.to(x.dtype).expand(*extra.shape[:3], *x.shape[3:])], 2)
