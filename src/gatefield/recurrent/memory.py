"""Large buffers that are used again while they are warm: page faults are half the cost of a long sequence otherwise."""

from __future__ import annotations

import math
import mmap
import threading
import weakref
from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor

SMALLEST = 1 << 18
"""Bytes from which a buffer comes from the pool; smaller ones the allocator keeps warm itself."""
LIMIT = 1 << 29
"""Bytes that the pool keeps while nobody uses them."""
HUGE_PAGE = 1 << 21


class Pool:
    """Blocks of memory by size; a block comes back when the last tensor on it is gone."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit, self.kept = limit, 0
        self._free: OrderedDict[int, tuple[int, mmap.mmap]] = OrderedDict()  # oldest first
        self._lock = threading.RLock()  # a block may come back while another is being taken

    def take(self, size: int) -> np.ndarray:
        """At least ``size`` bytes, not initialized."""
        size = _class_of(size)
        with self._lock:
            key = next((key for key in reversed(self._free) if self._free[key][0] == size), None)
            block = None if key is None else self._free.pop(key)[1]
            self.kept -= 0 if block is None else size
        if block is None:
            block = mmap.mmap(-1, size)
            if size >= 2 * HUGE_PAGE and hasattr(mmap, "MADV_HUGEPAGE"):
                block.madvise(mmap.MADV_HUGEPAGE)
        view = np.frombuffer(block, np.uint8)
        weakref.finalize(view, self._give_back, size, block).atexit = False
        return view

    def _give_back(self, size: int, block: mmap.mmap) -> None:
        with self._lock:
            self._free[id(block)] = (size, block)
            self.kept += size
            while self.kept > self.limit:
                _, (oldest, _) = self._free.popitem(last=False)
                self.kept -= oldest


POOL = Pool()


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A tensor on the processor that is not initialized."""
    bytes_needed = math.prod(shape) * dtype.itemsize
    if bytes_needed < SMALLEST:
        return torch.empty(shape, dtype=dtype)
    tensor = torch.from_numpy(POOL.take(bytes_needed))[:bytes_needed].view(dtype).view(shape)
    if torch.are_deterministic_algorithms_enabled() and torch.utils.deterministic.fill_uninitialized_memory:  # type: ignore[attr-defined]
        tensor.fill_(torch.nan)
    return tensor


def _class_of(size: int) -> int:
    """``size`` rounded up to a quarter of a power of two, so that sequences of different lengths share blocks.

    What is never touched costs no memory.
    """
    quarter = 1 << max(0, (size - 1).bit_length() - 3)
    return -(-size // quarter) * quarter
