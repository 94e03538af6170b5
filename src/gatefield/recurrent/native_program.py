"""A traced step run over time by the native kernel, on processors, in float32 and float64."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from .bound_program import Bound
from .fusion import fuse
from .graphs import aten
from .lowering import Lowering, check_lowerable
from .memory import empty
from .operations import CONSTANTS, MATRIX_PRODUCTS, ROW_WISE
from .phases import Part, Phases, Policy, split, sums_rows
from .program import Goal, Place, Program, assemble
from .rounded_products import merge_rounding
from .rows import Rows
from .trace import NotTraceable, Trace
from .values import Value

COSTLY = {
    *MATRIX_PRODUCTS, aten.convolution.default, aten.rsqrt.default, aten.sigmoid.default, aten.tanh.default,
    aten.exp.default, aten.log.default, aten.log1p.default,
    aten.expm1.default, aten.erf.default, aten.sin.default, aten.cos.default, aten.pow.Tensor_Scalar, *ROW_WISE,
}  # fmt: skip


class NativeProgram:
    """The loops of a trace as native programs; what comes before and after them as functions of torch tensors.

    Raises:
        NotTraceable: the kernel lacks an operation, or wants rows where the step has something else.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.dtype = trace.x.meta["value"].dtype
        merge_rounding(trace.graph)
        self.phases: Phases = split(trace, _policy(trace))
        self._before = self.phases.before().compile()
        self._loop = self._forward_program(), self._resting_forward()
        self._forward = Bound(*self._loop, self.dtype)
        self._inference: dict[tuple[int, ...], Bound] = {}
        self._backward: dict[tuple[bool, ...], Bound] = {}
        self._summed = [n for n in self.phases.kept if sums_rows(trace, n)]
        self._kept = [(n, _row_shape(n)) for n in self.phases.kept if n not in self._summed]
        self._saved = [_row_shape(n) for n in self.phases.saved]
        if trace.d_new:
            after = self.phases.after()
            self._after, self._after_reads = after.compile(), set(after.inputs)
            self._bound_backward((True,) * len(trace.state))

    # ---------------------------------------------------------------------------------------------- building

    def _inputs(self, states: Mapping[Node, Value]) -> dict[Node, Value]:
        """What is known when a step begins; later entries say what a node is that has two meanings."""
        trace, phases = self.trace, self.phases
        values = dict(states)
        for node in (*phases.fixed, *phases.hoisted):
            if not trace.has_rows(node):
                width = math.prod(node.meta["value"].shape)
                values[node] = Value("INPUT", (), width, key=Place("fixed", node))
        for node in (trace.x, *phases.hoisted, *phases.saved):
            if trace.has_rows(node):
                values[node] = Value("INPUT", (), _width(node), key=Place("stream", node))
        for k, node in enumerate(trace.state):
            values[node] = Value("INPUT", (), _width(node), key=Place("state", k))
        return values

    def _forward_program(self) -> Program:
        trace, phases = self.trace, self.phases
        known = self._inputs({})
        for node in phases.saved:
            del known[node]
        lowering = Lowering(trace, known)
        lowering.run(phases.forward().nodes)
        goals = [Goal(lowering[node], Place("new", k)) for k, node in enumerate(trace.new)]
        goals += [Goal(lowering[node], Place("stream", node)) for node in phases.saved]
        return _fused(goals, looks_ahead=True)

    def _bound_backward(self, given: tuple[bool, ...]) -> Bound:
        """The backward program for the states that get a gradient from outside at every step."""
        if given not in self._backward:
            self._backward[given] = Bound(self._backward_program(given), self._resting_backward(given), self.dtype)
        return self._backward[given]

    def _backward_program(self, given: tuple[bool, ...]) -> Program:
        trace, phases = self.trace, self.phases
        new = {n: Value("INPUT", (), _width(n), key=Place("new", k)) for k, n in enumerate(trace.new)}
        known = self._inputs(new)
        for k, node in enumerate(trace.d_new):
            known[node] = _carried(k, _width(node), given[k])
        outputs = [*trace.d_state, *(n for n, _ in self._kept), *(n.args[0] for n in self._summed)]
        lowering = Lowering(trace, known)
        lowering.run(Part(trace, outputs, [*known, *phases.fixed, *phases.hoisted]).nodes)
        goals = []
        for k, node in enumerate(trace.d_state):
            value = Value("FILL", (), _width(trace.state[k])) if node is None else lowering[node]
            goals.append(Goal(value, Place("new carry", k)))
        goals += [Goal(lowering[node], Place("stream", node)) for node, _ in self._kept]
        for source in dict.fromkeys(n.args[0] for n in self._summed):
            value = lowering[source]  # type: ignore[index]
            goals.append(Goal(Value("SUM", (value,), value.width, key=source), None))
        return _fused(goals, looks_ahead=False)

    def _resting_forward(self) -> Program:
        """A row that does not move holds its state."""
        states = [Value("INPUT", (), _width(n), key=Place("state", k)) for k, n in enumerate(self.trace.state)]
        return assemble([Goal(v, Place("new", k)) for k, v in enumerate(states)], looks_ahead=False)

    def _resting_backward(self, given: tuple[bool, ...]) -> Program:
        """What happens to the gradient of a row that does not move: it waits, and takes in what reaches its state."""
        widths = [_width(node) for node in self.trace.state]
        waiting = [_carried(k, width, given[k]) for k, width in enumerate(widths)]
        return assemble([Goal(v, Place("new carry", k)) for k, v in enumerate(waiting)], looks_ahead=False)

    # ----------------------------------------------------------------------------------------------- running

    def forward(
        self, rows: Rows, parameters: Sequence[Tensor], x: Tensor, state: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """All states (steps + 1, batch, ...), the first included, and what `backward` needs besides; x is packed."""
        values = self._fixed(rows, parameters, x)
        hoisted = list(self._before(values)) if self.phases.hoisted else []
        values.update(zip(self.phases.hoisted, hoisted))
        states = [self._history(rows, first) for first in state]
        saved = [empty((rows.total, *shape), self.dtype) for shape in self._saved]
        values.update(zip(self.phases.saved, saved))
        self._forward.run(rows, values, states=states)
        return states, [*hoisted, *saved]

    def infer(
        self, rows: Rows, parameters: Sequence[Tensor], x: Tensor, state: Sequence[Tensor], wanted: tuple[int, ...]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """All values of the states ``wanted``, and the last ones of all; x is (steps, batch, ...)."""
        if wanted not in self._inference:
            passing = frozenset(range(len(state))).difference(wanted)
            self._inference[wanted] = Bound(*self._loop, self.dtype, passing)
        values = self._fixed(rows, parameters, x if rows.full else rows.pack(x))  # only its memory is looked at
        if self.phases.hoisted:
            values.update(zip(self.phases.hoisted, self._before(values)))
        state = [first.contiguous() for first in state]
        last = [torch.empty_like(first) for first in state]
        states: list[Any] = list(state)
        for k in wanted:
            states[k] = self._history(rows, state[k])
        self._inference[wanted].run(rows, values, states, first=state, last=last)
        for k in wanted:
            size = last[k].nbytes
            ctypes.memmove(last[k].data_ptr(), states[k].data_ptr() + rows.steps * size, size)
        return [states[k][1:] for k in wanted], last

    def _history(self, rows: Rows, first: Tensor) -> Tensor:
        """Memory for all values of a state; ``first`` stands at its beginning."""
        states = empty((rows.steps + 1, *first.shape), self.dtype)
        first = first.contiguous()
        ctypes.memmove(states.data_ptr(), first.data_ptr(), first.nbytes)  # as states[0].copy_(first), but faster
        return states

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
        reads = self._after_reads
        values: dict[Node, Any] = {n: rows.pack(s[1:]) for n, s in zip(trace.new, states) if n in reads}
        values.update(self._fixed(rows, parameters, x))
        values.update(zip([*phases.hoisted, *phases.saved], residuals))
        values.update((n, rows.pack(s[:-1])) for n, s in zip(trace.state, states) if n in reads)
        for node, shape in self._kept:
            values[node] = empty((rows.total, *shape), self.dtype)
        carry = [empty((2, *s.shape[1:]), self.dtype) for s in states]
        for slots, d in zip(carry, d_final):
            last = slots[(rows.steps - 1) % 2]
            last.zero_() if d is None else last.copy_(d)
        bound = self._bound_backward(tuple(d is not None for d in d_states))
        totals = bound.run(rows, values, states=states, carry=carry, d_states=d_states)
        for node in self._summed:
            assert totals is not None
            values[node] = totals[bound.program.totals[node.args[0]]].reshape(node.meta["value"].shape)
        return [*self._after(values), *(slots[1] for slots in carry)]

    def _fixed(self, rows: Rows, parameters: Sequence[Tensor], x: Tensor) -> dict[Node, Any]:
        trace = self.trace
        return {**dict(zip(trace.parameters, parameters)), **trace.constants, trace.x: x, trace.rows: rows.total}


def _policy(trace: Trace) -> Policy:
    on_x_or_state = _products_among(trace)

    def lowerable(node: Node) -> bool:
        try:
            check_lowerable(trace, node)
        except NotTraceable:
            return False
        return True

    def recomputes(node: Node) -> bool:
        return node.target not in COSTLY and node not in on_x_or_state

    return Policy(
        hoists=False,
        views=lambda node: node.target is aten.t.default or node.target in CONSTANTS,
        recomputes=recomputes,
        loops=lambda node: sums_rows(trace, node) or (node.target not in MATRIX_PRODUCTS and lowerable(node)),
    )


def _products_among(trace: Trace) -> set[Node]:
    """Products, sums that they start from, and parts of those: as dear to compute again as the product."""
    found: set[Node] = set()
    for node in trace.graph.nodes:
        part = node.target in (aten.add.Tensor, aten.split.Tensor, aten.slice.Tensor) or str(node.target).endswith(
            "getitem>"
        )
        product = node.target is aten.convolution.default or node.target in MATRIX_PRODUCTS
        if product or (part and any(source in found for source in node.all_input_nodes)):
            found.add(node)
    return found


def _carried(k: int, width: int, given: bool) -> Value:
    """The gradient of state k after a step: what the next step hands down, and what reaches the state from outside."""
    carry = Value("INPUT", (), width, key=Place("carry", k))
    if not given:
        return carry
    return Value("ADD", (carry, Value("INPUT", (), width, key=Place("d_states", k))), width)


def _fused(goals: list[Goal], looks_ahead: bool) -> Program:
    values = fuse([goal.value for goal in goals])
    return assemble([Goal(v, goal.place) for v, goal in zip(values, goals)], looks_ahead)


def _row_shape(node: Node) -> tuple[int, ...]:
    return tuple(node.meta["value"].shape[1:])


def _width(node: Node) -> int:
    return math.prod(_row_shape(node))
