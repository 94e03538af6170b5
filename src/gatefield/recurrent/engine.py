"""The fast path: a cell's step is traced once, and run over time as a program; the reference loop is the way out.

choose(cell, x, state)      which path will run, and why
fast_scan(cell, x, state)   what `scan` computes, along that path
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .cell import Cell, State
from .plan import FastPath, Plan, plan_for, tensors_of
from .rows import Rows
from .scan import scan
from .trace import StepOf

__all__ = ["FastPath", "choose", "fast_scan"]


def choose(cell: Cell, x: Tensor, state: State) -> FastPath:
    """The path that `fast_scan` takes for these arguments; x is (time, batch, *input_shape)."""
    return plan_for(cell, x, state, tensors_of(cell)).path


def fast_scan(cell: Cell, x: Tensor, state: State, active: Sequence[int] | None = None) -> tuple[State, State]:
    """Run ``cell`` over ``x`` along the fastest path that is right; arguments and result are those of `scan`.

    Second derivatives are exact: a backward pass that is itself differentiated runs through the reference loop.

    Raises:
        InputError: GATEFIELD_ENGINE demands a path that these arguments do not have.
    """
    tensors = tensors_of(cell)
    plan = plan_for(cell, x, state, tensors)
    if plan.program is None:
        return scan(cell, x, state, active)
    rows = Rows(x.shape[0], x.shape[1], active)
    if rows.total == 0:
        return scan(cell, x, state, active)
    if not plan.program.trace.d_new:
        states, _ = plan.program.forward(rows, tensors, rows.pack(x), state)
        return tuple(s[1:] for s in states), tuple(s[-1] for s in states)
    count = len(state)
    results = _Scan.apply(plan, rows, *tensors, x, *state)
    return results[:count], results[count:]


class _Scan(torch.autograd.Function):
    """A program's two passes. Arguments: plan, rows, parameters, x, state; results: states, last state."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, rows: Rows, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.plan, ctx.rows, ctx.count = plan, rows, len(plan.program.trace.parameters)
        ctx.set_materialize_grads(False)
        parameters, x, state = _parted(tensors, ctx.count)
        states, residuals = plan.program.forward(rows, parameters, rows.pack(x), state)
        ctx.save_for_backward(*tensors, *states, *residuals)
        return *(s[1:] for s in states), *(s[-1] for s in states)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        plan, rows, size = ctx.plan, ctx.rows, len(gradients) // 2
        saved = ctx.saved_tensors
        inputs, rest = saved[: ctx.count + 1 + size], saved[ctx.count + 1 + size :]
        if torch.is_grad_enabled():
            return None, None, *_differentiable(plan, rows, inputs, gradients)
        parameters, x, _ = _parted(inputs, ctx.count)
        states, residuals = rest[:size], rest[size:]
        found = plan.program.backward(
            rows, parameters, rows.pack(x), states, residuals, gradients[:size], gradients[size:]
        )
        d_x = found[ctx.count]
        if d_x is not None:
            found[ctx.count] = rows.unpack(d_x)
        return None, None, *(g if wants else None for g, wants in zip(found, ctx.needs_input_grad[2:]))


def _differentiable(
    plan: Plan, rows: Rows, inputs: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """The gradients once more, by the reference loop, so that they can be differentiated themselves."""
    # aliases: where the given state was itself computed from the parameters, only this run's share is wanted
    inputs = [t.view_as(t) if t.requires_grad else t for t in inputs]
    parameters, x, state = _parted(inputs, len(plan.names))
    named = dict(zip(plan.names, parameters))
    assert plan.step is not None
    states, final = torch.func.functional_call(_ScanOf(plan.step), named, (x, state, rows.active))
    pairs = [(o, g) for o, g in zip((*states, *final), gradients) if g is not None and o.requires_grad]
    leaves = [t for t in inputs if t.requires_grad]
    if not pairs or not leaves:
        return [None] * len(inputs)
    outputs, weights = zip(*pairs)
    found = iter(torch.autograd.grad(outputs, leaves, weights, create_graph=True, allow_unused=True))
    return [next(found) if t.requires_grad else None for t in inputs]


class _ScanOf(StepOf):
    """The reference loop as a module, so that it can run on other parameters."""

    def __init__(self, step: StepOf) -> None:
        super().__init__(step.cell)

    def forward(self, x: Tensor, state: State, active: Sequence[int]) -> tuple[State, State]:  # type: ignore[override]
        return scan(self.cell, x, state, active)  # type: ignore[arg-type]


def _parted(tensors: Sequence[Tensor], count: int) -> tuple[Sequence[Tensor], Tensor, tuple[Tensor, ...]]:
    return tensors[:count], tensors[count], tuple(tensors[count + 1 :])
