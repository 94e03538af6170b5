"""Long sequences in little memory: forget the inside of a segment, and compute it again on the way back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from .cell import Cell, State
from .engine import choose


class Run(Protocol):
    """Runs a cell over time: (cell, x, state, active) -> what it emits (time, batch, ...), and its last state."""

    def __call__(self, cell: Cell, x: Tensor, state: State, active: Sequence[int] | None) -> tuple[Tensor, State]: ...


def in_segments(run: Run) -> Run:
    """``run`` in segments of about sqrt(T) steps, of which only the ends are remembered for the backward pass.

    Besides the outputs, memory then grows with sqrt(T): sqrt(T) states, and the inside of one segment at a time. The
    gradients are the same and the forward pass is done twice (Chen et al. 2016, "Training deep nets with sublinear
    memory cost").
    """

    def run_in_segments(cell: Cell, x: Tensor, state: State, active: Sequence[int] | None) -> tuple[Tensor, State]:
        time = x.shape[0]
        if time < 2 or not torch.is_grad_enabled():
            return run(cell, x, state, active)
        size = math.isqrt(time - 1) + 1
        outputs = []
        for start, part in zip(range(0, time, size), x.split(size)):
            moving = None if active is None else active[start : start + size]
            choose(cell, part, state)  # a trace made inside the checkpoint would count as part of the computation
            output, state = checkpoint(run, cell, part, state, moving, use_reentrant=False, preserve_rng_state=False)
            outputs.append(output)
        return torch.cat(outputs), state

    return run_in_segments
