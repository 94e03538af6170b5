"""Memory that is freed stays with the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys
import torch
from gatefield.training.allocator import keep_freed_memory

class Info(ctypes.Structure):  # of malloc.h
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

library = ctypes.CDLL(None)
if not hasattr(library, "mallinfo2"):
    sys.exit(3)
library.mallinfo2.restype = Info
if sys.argv[1] == "kept":
    assert keep_freed_memory()
before = library.mallinfo2()
tensor = torch.zeros(1 << 24)  # 64 MiB
mapped = library.mallinfo2().hblks - before.hblks
del tensor
print(mapped, library.mallinfo2().arena - before.arena >= 1 << 25)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about glibc")
@pytest.mark.parametrize(("mode", "expected"), [("kept", ["0", "True"]), ("plain", ["1", "False"])])
def test_a_large_tensor_is_not_mapped_alone_and_its_memory_stays(mode, expected):
    run = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=False)
    if run.returncode == 3:
        pytest.skip("glibc before 2.33, or another C library")
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == expected
