"""Rows of different lengths in one batch: where each ends, what lies inside, and what came last."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import InputError


def row_ends(lengths: Sequence[int] | Tensor | None, batch: int, time: int, device: torch.device) -> Tensor:
    """``lengths`` as int64 (batch,) on ``device``; None: every row has ``time`` steps.

    Raises:
        InputError: not one whole number in [0, time] for each row.
    """
    if lengths is None:
        return torch.full((batch,), time, device=device)
    ends = torch.as_tensor(lengths) if batch or isinstance(lengths, Tensor) else torch.zeros(0, dtype=torch.int64)
    wrong = ends.shape != (batch,) or ends.is_floating_point() or ends.dtype == torch.bool
    if wrong or (batch and not 0 <= ends.min() <= ends.max() <= time):
        message = f"lengths {ends.tolist()} do not fit {batch} rows of {time} steps"
        raise InputError(message, hint=f"give {batch} whole numbers from 0 to {time}")
    return ends.to(device, torch.int64)


def inside(ends: Tensor, time: int) -> Tensor:
    """Bool (batch, time): which steps belong to their row."""
    return torch.arange(time, device=ends.device) < ends[:, None]


def blank(x: Tensor, ends: Tensor) -> Tensor:
    """``x`` (batch, time, ...) with zeros beyond each row's end, whatever stood there, even NaN."""
    outside = ~inside(ends, x.shape[1])
    return x.masked_fill(outside.reshape(*outside.shape, *(1,) * (x.dim() - 2)), 0)


def last_steps(x: Tensor, ends: Tensor, count: int) -> Tensor:
    """The last ``count`` steps of ``x`` (batch, time, ...) before each row's end, (batch, count, ...).

    Zeros stand before a row's first step.
    """
    places = ends[:, None] - count + torch.arange(count, device=x.device)
    if x.shape[1] == 0:
        return x.new_zeros(len(x), count, *x.shape[2:])
    shape = (*places.shape, *(1,) * (x.dim() - 2))
    steps = x.gather(1, places.clamp(min=0).reshape(shape).expand(-1, -1, *x.shape[2:]))
    return steps.masked_fill((places < 0).reshape(shape), 0)
