"""Memory that is freed is there again without the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from gatefield.training.allocator import keep_freed_memory
kept = sys.argv[1] == "kept" and keep_freed_memory()
def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
net = torch.nn.Sequential(*[torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU()) for _ in range(8)])
def step():
    net(torch.ones(1 << 16, 64)).sum().backward()  # activations of 16 MiB
step()
before = pages()
for _ in range(20):
    step()
print(kept, pages() - before)
"""


def faults(mode: str) -> tuple[bool, int]:
    """Pages that twenty steps of training took from the system."""
    run = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True)
    kept, count = run.stdout.split()
    return kept == "True", int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about glibc")
def test_freed_memory_stays():
    kept, count = faults("kept")
    if not kept:
        pytest.skip("the C library is not glibc")
    _, plain = faults("plain")
    assert count < plain / 2, (count, plain)
