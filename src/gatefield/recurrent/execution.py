"""How a layer runs a cell: through the engine, or by the reference loop with its gates noted down."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .cell import Cell, State, listening
from .engine import FastPath, choose, fast_output
from .scan import scan


def execute(cell: Cell, x: Tensor, state: State, active: Sequence[int] | None) -> tuple[Tensor, State]:
    """What ``cell`` emits over ``x`` (time, batch, ...), and its last state; by the fastest path there is."""
    return fast_output(cell, x, state, active)


class Choosing:
    """Runs cells as `execute` does and notes which path each of them takes."""

    def __init__(self) -> None:
        self.paths: list[FastPath] = []

    def __call__(self, cell: Cell, x: Tensor, state: State, active: Sequence[int] | None) -> tuple[Tensor, State]:
        self.paths.append(choose(cell, x, state))
        return execute(cell, x, state, active)


class Recording:
    """Runs cells by the reference loop and keeps the gates of each, name -> (time, batch, ...)."""

    def __init__(self) -> None:
        self.gates: list[dict[str, Tensor]] = []

    def __call__(self, cell: Cell, x: Tensor, state: State, active: Sequence[int] | None) -> tuple[Tensor, State]:
        steps: list[dict[str, Tensor]] = []
        with listening(steps.append):
            states, final = scan(cell, x, state, active)
        names = steps[0] if steps else {}
        self.gates.append({name: _stack([step[name] for step in steps], x.shape) for name in names})
        return states[cell.emitted], final


def _stack(values: list[Tensor], shape: torch.Size) -> Tensor:
    """(time, batch, ...) with zeros where rows had ended; whole steps may be missing at the end."""
    stacked = values[0].new_zeros(*shape[:2], *values[0].shape[1:])
    for t, value in enumerate(values):
        stacked[t, : len(value)] = value
    return stacked
