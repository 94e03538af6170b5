"""Which rows move at which step, and how the rows of all steps lie one below the other."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .memory import empty


class Rows:
    """The moving rows of a sequence: at step t the first ``active[t]`` of ``batch``.

    Values that exist for moving rows only are *packed*: (total, ...), step after step, without the rows that rest.
    """

    def __init__(self, steps: int, batch: int, active: Sequence[int] | None) -> None:
        self.steps, self.batch = steps, batch
        self.active = [batch] * steps if active is None else list(active)
        self.full = active is None or all(n == batch for n in self.active)
        self.total = steps * batch if self.full else sum(self.active)

    def counts(self) -> Counts:
        """`Counts` of these rows."""
        return _full_counts(self.steps, self.batch) if self.full else Counts(np.array(self.active, np.int64))

    @functools.cached_property
    def _index(self) -> Tensor:
        steps, places = torch.arange(self.steps), torch.arange(self.batch)
        moving = places[None, :] < torch.tensor(self.active)[:, None]
        return (steps[:, None] * self.batch + places)[moving]

    def pack(self, values: Tensor) -> Tensor:
        """(steps, batch, ...) -> (total, ...)"""
        if values.device.type == "cpu" and not values.is_contiguous():
            values = empty(tuple(values.shape), values.dtype).copy_(values)
        flat = values.reshape(self.steps * self.batch, *values.shape[2:])
        return flat if self.full else flat.index_select(0, self._index.to(values.device))

    def unpack(self, packed: Tensor) -> Tensor:
        """(total, ...) -> (steps, batch, ...), zero where a row rests."""
        shape = (self.steps, self.batch, *packed.shape[1:])
        if self.full:
            return packed.reshape(shape)
        flat = packed.new_zeros(self.steps * self.batch, *packed.shape[1:])
        return flat.index_copy(0, self._index.to(packed.device), packed).view(shape)


class Counts:
    """Moving rows of each step, and how many moved before, as the library reads them."""

    def __init__(self, active: np.ndarray) -> None:
        self.active, self.offsets = active, np.concatenate([[0], active.cumsum()[:-1]]).astype(np.int64)
        self.addresses = self.active.ctypes.data, self.offsets.ctypes.data


@functools.lru_cache(32)
def _full_counts(steps: int, batch: int) -> Counts:
    return Counts(np.full(steps, batch, np.int64))
