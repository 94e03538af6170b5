"""The state of a layer: one named tuple for each level and direction, rows first."""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from ..core.errors import InputError
from .cell import Cell

LayerState = list[Any]


@functools.cache
def _named(names: tuple[str, ...]) -> Any:
    """The named tuple with these fields; it is pickled and copied by its names, for it belongs to no module."""
    plain = collections.namedtuple("State", names)
    return type("State", (plain,), {"__slots__": (), "__reduce__": lambda self: (_rebuild, (names, tuple(self)))})


def _rebuild(names: tuple[str, ...], values: tuple[Tensor, ...]) -> Any:
    return _named(names)(*values)


def named_state(cell: Cell, values: Sequence[Tensor]) -> Any:
    """``values`` as a tuple that also knows them by the names of the cell's states: ``state.h``, ``state.c``."""
    return _named(tuple(cell.states))(*values)


def map_state(function: Callable[[Tensor], Tensor], state: LayerState) -> LayerState:
    """``function`` of every tensor of a layer's state."""
    return [_rebuild(level._fields, tuple(map(function, level))) for level in state]


def detach_state(state: LayerState) -> LayerState:
    """The same values without their history, to carry over where the gradient shall stop."""
    return map_state(Tensor.detach, state)


def reorder_state(state: LayerState, rows: Tensor) -> LayerState:
    """The rows ``rows`` (int64, (n,)) of every state, in that order: what a beam keeps."""
    return map_state(lambda values: values.index_select(0, rows), state)


def check_state(cell: Cell, state: Any, batch: int, input_shape: tuple[int, ...], like: Tensor, place: str) -> None:
    """Raise unless ``state`` is one for ``batch`` rows of ``cell``, with the dtype and device of ``like``.

    Raises:
        InputError: which state is wrong, on which axis, and what it should be.
    """
    shapes = cell.state_shapes(input_shape)
    if not isinstance(state, (tuple, list)) or len(state) != len(shapes):
        given = f"{len(state)} tensors" if isinstance(state, (tuple, list)) else f"a {type(state).__name__}"
        names = ", ".join(shapes)
        raise InputError(f"the state of {place} is {given}", hint=f"give a tuple of {len(shapes)} tensors: {names}")
    for (name, shape), values in zip(shapes.items(), state):
        if not isinstance(values, Tensor):
            raise InputError(f"state '{name}' of {place} is a {type(values).__name__}", hint="give a tensor")
        wanted = (batch, *shape)
        if values.dim() != len(wanted):
            message = f"state '{name}' of {place} has {values.dim()} axes, not {len(wanted)}"
            raise InputError(message, hint=f"give shape {wanted}, rows first")
        for axis, (size, right) in enumerate(zip(values.shape, wanted)):
            if size != right:
                message = f"state '{name}' of {place} has {size} on axis {axis}, not {right}"
                raise InputError(message, hint=f"give shape {wanted}, rows first")
        if values.dtype != like.dtype or values.device != like.device:
            message = f"state '{name}' of {place} is {values.dtype} on {values.device}"
            raise InputError(message, hint=f"the layer is {like.dtype} on {like.device}: convert the state")
