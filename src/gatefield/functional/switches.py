"""Max pooling that says which cell won, and its way back (catalogue 59).

A switch is the number of the winning cell in its channel, counted row by row, as ``return_indices`` gives it in torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from ..core.errors import ArgumentError


def pool_by_switches(x: Tensor, switches: Tensor) -> Tensor:
    """y = x at the switches: pools ``x`` where another input had its maxima.

    Args:
        x: (batch, channels, axes...).
        switches: int64 (batch, channels, output axes...).

    Raises:
        ArgumentError: the switches are of another batch or have other channels.
    """
    _check(x, switches)
    return x.flatten(2).gather(2, switches.flatten(2)).view(switches.shape)


def unpool_by_switches(y: Tensor, switches: Tensor, shape: Sequence[int]) -> Tensor:
    """Puts each value of ``y`` at its switch, and zeros elsewhere; values that meet in a cell are added.

    With y = dL/d(pooled) this is dL/dx. For windows side by side, where no two values meet, it is the unpooling of
    Zeiler and Fergus (2014), as ``torch.nn.functional.max_unpool2d``.

    Args:
        y: (batch, channels, axes...).
        switches: int64, the same shape.
        shape: lengths of the spatial axes of the result.

    Raises:
        ArgumentError: ``y`` and the switches differ in shape.
    """
    if y.shape != switches.shape:
        hint = "give the switches that the pooling returned"
        raise ArgumentError(f"{tuple(switches.shape)} switches for {tuple(y.shape)} values", hint=hint)
    flat = y.new_zeros(*y.shape[:2], math.prod(shape))
    return flat.scatter_add(2, switches.flatten(2), y.flatten(2)).view(*y.shape[:2], *shape)


def max_pool_with_switches(
    x: Tensor, kernel_size: int, stride: int, padding: int = 0, ceil_mode: bool = False
) -> tuple[Tensor, Tensor]:
    """The maxima of square windows of ``x`` (batch, channels, one to three axes), and their switches."""
    pools = {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}
    if x.dim() not in pools:
        hint = "give (batch, channels, one to three axes)"
        raise ArgumentError(f"there is no pooling over {x.dim() - 2} axes", hint=hint)
    return pools[x.dim()](x, kernel_size, stride, padding, ceil_mode=ceil_mode, return_indices=True)


def _check(x: Tensor, switches: Tensor) -> None:
    if x.shape[:2] != switches.shape[:2]:
        hint = "batch and channels must agree"
        raise ArgumentError(f"{tuple(switches.shape)} switches for an input of {tuple(x.shape)}", hint=hint)
