"""One value for all spatial axes, or one each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..core.errors import ArgumentError

Value = TypeVar("Value")


def per_axis(value: Value | Sequence[Value], axes: int) -> tuple[Value, ...]:
    """``value`` for each of ``axes`` axes; a list gives them one by one.

    Raises:
        ArgumentError: the list has another length.
    """
    if not isinstance(value, Sequence):
        return (value,) * axes
    if len(value) != axes:
        raise ArgumentError(f"{len(value)} values for {axes} axes", hint="give one value, or one for each axis")
    return tuple(value)
