"""A traced step run over time by torch's own operations: any device, no compiler, any shape of state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import Node

from .phases import Phases, Policy, split
from .rows import Rows
from .trace import Trace

POLICY = Policy(
    hoists=True,
    views=lambda node: False,
    recomputes=lambda node: False,  # a step costs by the operation, so nothing is computed twice
    loops=lambda node: False,
)


class Residuals(NamedTuple):
    """What a forward pass leaves for the gradient; ``tensors`` in an order that only its program knows."""

    states: list[Tensor]
    tensors: list[Tensor]


class TorchProgram:
    """The four phases of a trace as functions of torch tensors."""

    def __init__(self, trace: Trace) -> None:
        self.phases: Phases = split(trace, POLICY)
        self.trace = trace
        self._before = self.phases.before().compile()
        self._forward = self.phases.forward().compile()
        if trace.d_new:
            self._backward = self.phases.backward().compile()
            self._after = self.phases.after().compile()

    def forward(
        self, rows: Rows, parameters: Sequence[Tensor], x: Tensor, state: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """All states (steps + 1, batch, ...), the first included, and what `backward` needs besides; x is packed."""
        history, residuals = self._run(rows, parameters, x, state)
        return [torch.stack(list(values)) for values in zip(*history)], residuals

    def infer(
        self, rows: Rows, parameters: Sequence[Tensor], x: Tensor, state: Sequence[Tensor], wanted: tuple[int, ...]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """All values of the states ``wanted``, and the last ones of all; x is (steps, batch, ...)."""
        history, _ = self._run(rows, parameters, rows.pack(x), state)
        return [torch.stack([step[k] for step in history[1:]]) for k in wanted], history[-1]

    def _run(
        self, rows: Rows, parameters: Sequence[Tensor], x: Tensor, state: Sequence[Tensor]
    ) -> tuple[list[list[Tensor]], list[Tensor]]:
        """The states before the first step and after each, and what `backward` needs besides."""
        values = self._fixed(rows, parameters, x)
        hoisted = list(self._before(values))
        values.update(zip(self.phases.hoisted, hoisted))
        streams = self._streams(rows, values)
        history = [list(state)]
        saved: list[list[Tensor]] = [[] for _ in self.phases.saved]
        count = len(state)
        for t, n in enumerate(rows.active):
            if n == 0:
                history.append(history[-1])
                continue
            values[self.trace.rows] = n
            values.update((node, parts[t]) for node, parts in streams)
            values.update((node, s[:n]) for node, s in zip(self.trace.state, history[-1]))
            results = self._forward(values)
            history.append([_hold(new, old) for new, old in zip(results[:count], history[-1])])
            for items, item in zip(saved, results[count:]):
                items.append(item)
        return history, [*hoisted, *[torch.cat(items) for items in saved]]

    def backward(
        self,
        rows: Rows,
        parameters: Sequence[Tensor],
        x: Tensor,
        states: Sequence[Tensor],
        residuals: Sequence[Tensor],
        d_states: Sequence[Tensor | None],
        d_final: Sequence[Tensor | None],
    ) -> list[Tensor | None]:
        """Gradients of the parameters, of the packed x, and of the initial state."""
        trace, phases = self.trace, self.phases
        values = self._fixed(rows, parameters, x)
        values.update(zip([*phases.hoisted, *phases.saved], residuals))
        # in the order of phases: where the new state is the old one or the input, that is what its node means
        values = {**dict(zip(trace.new, (rows.pack(s[1:]) for s in states))), **values}
        values.update(zip(trace.state, (rows.pack(s[:-1]) for s in states)))
        streams = self._streams(rows, values)
        d_steps = [None if d is None else d.unbind(0) for d in d_states]
        d_state = [torch.zeros_like(s[0]) if d is None else d for d, s in zip(d_final, states)]
        kept: list[list[Tensor]] = [[] for _ in phases.kept]
        count = len(d_state)
        per_step = dict(values)
        for t in reversed(range(rows.steps)):
            d_state = [d if more is None else d + more[t] for d, more in zip(d_state, d_steps)]
            n = rows.active[t]
            if n == 0:
                continue
            per_step[trace.rows] = n
            per_step.update((node, parts[t]) for node, parts in streams)
            per_step.update((node, d[:n]) for node, d in zip(trace.d_new, d_state))
            results = self._backward(per_step)
            moved = [d.new_zeros(n, *d.shape[1:]) if new is None else new for new, d in zip(results, d_state)]
            d_state = [_hold(new, old) for new, old in zip(moved, d_state)]
            for items, item in zip(kept, results[count:]):
                items.append(item)
        values.update(zip(phases.kept, (torch.cat(items[::-1]) for items in kept)))
        values[trace.rows] = rows.total
        return [*self._after(values), *d_state]

    def _fixed(self, rows: Rows, parameters: Sequence[Tensor], x: Tensor) -> dict[Node, Any]:
        trace = self.trace
        return {**dict(zip(trace.parameters, parameters)), **trace.constants, trace.x: x, trace.rows: rows.total}

    def _streams(self, rows: Rows, values: dict[Node, Any]) -> list[tuple[Node, Sequence[Tensor]]]:
        """The packed values among ``values``, cut into steps."""
        trace = self.trace
        fixed = {*trace.parameters, *trace.constants, trace.rows}
        packed = [n for n in values if n not in fixed and trace.has_rows(n)]
        return [(n, _cut(values[n], rows)) for n in packed]


def _cut(packed: Tensor, rows: Rows) -> Sequence[Tensor]:
    factor = packed.shape[0] // rows.total
    return packed.split([n * factor for n in rows.active])


def _hold(new: Tensor, old: Tensor) -> Tensor:
    """``new`` for the rows that moved, ``old`` for those that rest."""
    return new if len(new) == len(old) else torch.cat([new, old[len(new) :]])
