"""What a net knows before its first step (catalogue 160)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from .cell import Cell, State

InitialStateName = Literal["zero", "constant", "learned"]


class InitialState(nn.Module):
    """The state of a cell before the first step, the same for every row.

    zero      the cell's own: zeros, unless its paper has another
    constant  0.5 everywhere, or a number of one's own
    learned   parameters, one for each feature or channel, found by gradient descent like the weights; they start as a
              random guess N(0, 0.1^2)

    Args:
        cell: whose state it is.
        start: one of these names, or the number.

    Source: S4 "Initial hidden state".
    """

    def __init__(self, cell: Cell, start: InitialStateName | float) -> None:
        super().__init__()
        self.start = 0.5 if start == "constant" else start
        if start == "learned":
            any_size = tuple(1 if size is None else size for size in cell.input_shape)
            like = next(cell.parameters(), torch.zeros(()))
            for name, shape in cell.state_shapes(any_size).items():
                values = 0.1 * torch.randn(shape[0], *(1 for _ in shape[1:]), dtype=like.dtype, device=like.device)
                self.register_parameter(name, nn.Parameter(values))

    def forward(self, cell: Cell, batch: int, input_shape: tuple[int, ...], like: Tensor) -> State:
        """The state of ``batch`` rows, with the dtype and device of ``like``."""
        if self.start == "zero":
            return cell.initial_state(batch, input_shape, like.dtype, like.device)
        shapes = cell.state_shapes(input_shape)
        if self.start == "learned":
            return tuple(getattr(self, name).expand(batch, *shape) for name, shape in shapes.items())
        return tuple(like.new_full((batch, *shape), float(self.start)) for shape in shapes.values())
