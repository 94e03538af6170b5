"""The C library's allocator, told to keep the memory of large tensors.

A training step frees its activations and asks for as many again in the next. By default glibc hands each large block
back to the system, and every page of it is fetched and cleared anew.
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Let the process keep what it frees, for the next time; False where the C library is another than glibc.

    Memory that is free inside the process is not the system's: it stays at its peak until the process ends.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    # a threshold for blocks that are mapped can be 32 MiB at most; a number of them can be none
    return bool(library.mallopt(M_MMAP_MAX, 0) and library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
