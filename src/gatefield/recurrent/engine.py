"""The fast path: a cell's step is traced once, and run over time as a program; the reference loop is the way out.

choose(cell, x, state)      which path will run, and why
fast_scan(cell, x, state)   what `scan` computes, along that path
fast_output(cell, x, state) the part of it that a layer hands on
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .cell import Cell, State
from .kinds import tensors_of
from .plan import FastPath, Plan, plan_for
from .rows import Rows
from .scan import scan
from .trace import StepOf

__all__ = ["FastPath", "choose", "fast_output", "fast_scan"]


def choose(cell: Cell, x: Tensor, state: State) -> FastPath:
    """The path that `fast_scan` takes for these arguments; x is (time, batch, *input_shape)."""
    return plan_for(cell, x, state, tensors_of(cell)).path


def fast_scan(cell: Cell, x: Tensor, state: State, active: Sequence[int] | None = None) -> tuple[State, State]:
    """Run ``cell`` over ``x`` along the fastest path that is right; arguments and result are those of `scan`.

    Second derivatives are exact: a backward pass that is itself differentiated runs through the reference loop.

    Raises:
        InputError: GATEFIELD_ENGINE demands a path that these arguments do not have.
    """
    return _run(cell, x, state, active, tuple(range(len(state))))


def fast_output(cell: Cell, x: Tensor, state: State, active: Sequence[int] | None = None) -> tuple[Tensor, State]:
    """As `fast_scan`, but of all the states that the cell went through only what it emits, (time, batch, ...)."""
    states, final = _run(cell, x, state, active, (cell.emitted,))
    return states[0], final


def _run(
    cell: Cell, x: Tensor, state: State, active: Sequence[int] | None, wanted: tuple[int, ...]
) -> tuple[State, State]:
    """All values of the states whose positions are ``wanted``, and the last of all states."""
    tensors = tensors_of(cell)
    plan = plan_for(cell, x, state, tensors)
    program: Any = plan.program
    rows = Rows(x.shape[0], x.shape[1], active)
    if program is None or rows.total == 0:
        states, final = scan(cell, x, state, active)
        return tuple(states[k] for k in wanted), final
    if not program.trace.d_new:
        states, final = program.infer(rows, tensors, x, state, wanted)
        return tuple(states), tuple(final)
    results = _Scan.apply(plan, rows, wanted, *tensors, x, *state)
    return results[: len(wanted)], results[len(wanted) :]


class _Scan(torch.autograd.Function):
    """A program's two passes. Arguments: plan, rows, states wanted, parameters, x, state; results: as of `_run`."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, rows: Rows, wanted: tuple[int, ...], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.plan, ctx.rows, ctx.wanted, ctx.count = plan, rows, wanted, len(plan.program.trace.parameters)
        ctx.set_materialize_grads(False)
        parameters, x, state = _parted(tensors, ctx.count)
        packed = rows.pack(x)
        states, residuals = plan.program.forward(rows, parameters, packed, state)
        ctx.save_for_backward(*tensors, packed, *states, *residuals)
        # the last state has memory of its own, so that who keeps it does not keep all of them
        return *[states[k][1:] for k in wanted], *[s[-1].clone() for s in states]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        plan, rows, size = ctx.plan, ctx.rows, len(gradients) - len(ctx.wanted)
        d_states: list[Tensor | None] = [None] * size
        for k, d in zip(ctx.wanted, gradients):
            d_states[k] = d
        d_final = gradients[len(ctx.wanted) :]
        saved = ctx.saved_tensors
        inputs, (packed, *rest) = saved[: ctx.count + 1 + size], saved[ctx.count + 1 + size :]
        if torch.is_grad_enabled():
            return None, None, None, *_differentiable(plan, rows, inputs, (*d_states, *d_final))
        states, residuals = rest[:size], rest[size:]
        found = plan.program.backward(rows, inputs[: ctx.count], packed, states, residuals, d_states, d_final)
        d_x = found[ctx.count]
        if d_x is not None:
            found[ctx.count] = rows.unpack(d_x)
        return None, None, None, *(g if wants else None for g, wants in zip(found, ctx.needs_input_grad[3:]))


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
