"""One value for all spatial axes, or one each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch.nn.functional as F
from torch import Tensor

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


def correlation(axes: int) -> Callable[..., Tensor]:
    """torch's convolution over ``axes`` spatial axes: a cross-correlation, since it does not flip the kernel.

    Raises:
        ArgumentError: torch has none for so many axes.
    """
    functions = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
    if axes not in functions:
        hint = "give tensors of (batch, channels, one to three axes)"
        raise ArgumentError(f"there is no convolution over {axes} axes", hint=hint)
    return functions[axes]
