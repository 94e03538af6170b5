"""The reference: a cell run over time by a plain loop. Slow, and right by inspection."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import InputError
from .cell import Cell, State, one_sequence


def scan(
    cell: Cell, x: Tensor, state: State, active: Sequence[int] | None = None, reverse: bool = False
) -> tuple[State, State]:
    """Run ``cell`` over ``x``: state_t = step(x_t, state_{t-1}).

    Args:
        cell: the step.
        x: (time, batch, *input_shape); no step and no row are allowed.
        state: the state before the first step, (batch, *shape) each.
        active: at step t only the first ``active[t]`` rows move and the others hold their state, so that rows sorted
            by falling length end one after the other. None: all rows move at all steps.
        reverse: from the last step to the first.

    Returns:
        For every state, all its values (time, batch, *shape), ``states[k][t]`` after the step that reads ``x[t]``; and
        the state after the loop, (batch, *shape) each.

    Raises:
        InputError: the step returns another number of states, or other shapes, than it was given.
    """
    inputs = x.unbind(0)  # indexing x[t] instead would make the backward pass quadratic in time
    history: list[State] = [state] * len(inputs)
    times = range(len(inputs))
    with one_sequence():
        for t in reversed(times) if reverse else times:
            state = _move(cell, inputs[t], state, x.shape[1] if active is None else active[t])
            history[t] = state
    if not history:
        return tuple(s.new_zeros(0, *s.shape) for s in state), state
    return tuple(torch.stack(values) for values in zip(*history)), state


def _move(cell: Cell, x: Tensor, state: State, rows: int) -> State:
    """One step of the first ``rows`` rows; the others hold their state. A state keeps its dtype (under autocast)."""
    if rows == len(x):
        moved = cell.step(x, state)
        _check(cell, state, moved)
        return tuple(new.to(old.dtype) for new, old in zip(moved, state))
    if rows == 0:
        return state
    moved = _move(cell, x[:rows], tuple(s[:rows] for s in state), rows)
    return tuple(torch.cat([new, old[rows:]]) for new, old in zip(moved, state))


def _check(cell: Cell, old: State, new: State) -> None:
    name = type(cell).__name__
    if not isinstance(new, tuple) or len(new) != len(old):
        given = f"{len(new)} tensors" if isinstance(new, tuple) else f"a {type(new).__name__}"
        raise InputError(
            f"{name}.step returned {given}, the cell has {len(old)} states",
            hint="return a tuple with one tensor for each state, in their order",
        )
    for label, before, after in zip(cell.states, old, new):
        if before.shape != after.shape:
            raise InputError(
                f"{name}.step changed the shape of state '{label}' from {tuple(before.shape)} to {tuple(after.shape)}",
                hint="a step returns its states in the shapes in which it gets them",
            )
