"""See that a program computes what the cell's own step computes, before it is trusted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from .cell import Cell, State
from .rows import Rows
from .scan import scan
from .trace import NotTraceable, Wanted, whatever_a_step_raises

STEPS = 2
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}
COARSE = 1e-2
"""For other numbers, and where a sum's last digit may decide to which side a number is rounded."""


def verify(cell: Cell, program: Any, wanted: Wanted, parameters: Sequence[Tensor], batch: int) -> None:
    """Compare ``program`` with the reference loop on random numbers: states, and gradients if it has them.

    Two steps, ``batch`` rows; the first row also alone, which tells a step that mixes the rows of its batch.

    Raises:
        NotTraceable: the results differ.
    """
    trace = program.trace
    generator = torch.Generator().manual_seed(1)

    def sample(*shape: int, like: Tensor) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(like.dtype).to(like.device)

    tolerance = COARSE if trace.rounds else TOLERANCE.get(trace.x.meta["value"].dtype, COARSE)
    like = next((p for p in parameters if p.is_floating_point()), torch.empty(()))
    like = torch.empty((), dtype=trace.x.meta["value"].dtype, device=like.device)
    x = sample(STEPS, batch, *trace.x.meta["value"].shape[1:], like=like)
    state = tuple(sample(batch, *node.meta["value"].shape[1:], like=like) for node in trace.state)
    rows = Rows(STEPS, batch, None)
    with torch.no_grad():
        with whatever_a_step_raises():
            expected, _ = scan(cell, x, state)
            alone, _ = scan(cell, x[:, :1], tuple(s[:1] for s in state))
        with _another_batch():
            states, residuals = program.forward(rows, parameters, rows.pack(x), state)
    for found, right, single in zip(states, expected, alone):
        _compare(
            found[1:], right, tolerance, "gives other states than its trace: it may depend on the size of the batch"
        )
        _compare(right[:, :1], single, tolerance, "mixes the rows of the batch")
    if not wanted:
        return
    weights = [sample(*s.shape, like=like) for s in expected]
    with torch.enable_grad(), whatever_a_step_raises():
        inputs = [x.requires_grad_(wanted.x), *(s.requires_grad_() for s in state)]
        leaves = [p for p, wants in zip(parameters, wanted.parameters) if wants]
        leaves += [t for t in inputs if t.requires_grad]
        right_states, _ = scan(cell, x, state)
        right = _gradients(right_states, weights, leaves)
    with torch.no_grad(), _another_batch():
        found = program.backward(rows, parameters, rows.pack(x), states, residuals, weights, [None] * len(weights))
    if wanted.x and found[len(parameters)] is not None:
        found[len(parameters)] = found[len(parameters)].view(x.shape)
    chosen = [*wanted.parameters, wanted.x, *(True for _ in state)]
    for gradient, expected_gradient in zip([g for g, w in zip(found, chosen) if w], right):
        known = gradient if gradient is not None else expected_gradient
        if known is not None:  # None is zero
            pair = [torch.zeros_like(known) if g is None else g for g in (gradient, expected_gradient)]
            _compare(pair[0], pair[1], tolerance, "has other gradients than its trace")


@contextlib.contextmanager
def _another_batch() -> Iterator[None]:
    """Inside the block a program runs on another number of rows than its trace, which its operations may not bear."""
    try:
        yield
    except (RuntimeError, IndexError) as error:  # what torch raises for shapes that do not fit
        lines = str(error).splitlines() or [""]
        raise NotTraceable(f"cannot be run on another number of rows ({type(error).__name__}: {lines[0]})") from error


def _gradients(states: State, weights: Sequence[Tensor], leaves: Sequence[Tensor]) -> Sequence[Tensor | None]:
    pairs = [(s, w) for s, w in zip(states, weights) if s.requires_grad]
    if not pairs:
        return [None] * len(leaves)
    total = torch.stack([(s * w).sum() for s, w in pairs]).sum()
    return torch.autograd.grad(total, leaves, allow_unused=True)


def _compare(found: Tensor, right: Tensor, tolerance: float, finding: str) -> None:
    scale = right.detach().abs().nan_to_num(0, 0, 0).max().item() if right.numel() else 0.0
    if not torch.allclose(found, right, rtol=tolerance, atol=tolerance * max(scale, 1.0), equal_nan=True):
        raise NotTraceable(finding)
