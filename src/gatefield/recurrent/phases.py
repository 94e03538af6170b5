"""Part a traced step in four: before the loop, the loop forward, the loop backward, and after the loop.

    before    what does not depend on the state, for the rows of all steps at once
    forward   state_{t-1} -> state_t, and what the gradient will need of it
    backward  gradient of state_t -> gradient of state_{t-1}, and what the other gradients will need of it
    after     gradients of parameters and input: products and sums over the rows of all steps at once

Gradients are linear in what they sum, so whatever follows a sum over the rows may follow the sum over all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch.fx import Graph, Node

from .graphs import Value, ancestors, aten, descendants
from .trace import NotTraceable, Trace


@dataclass(frozen=True)
class Policy:
    """What differs between the runners of a program.

    Attributes:
        hoists: whether what depends on the input but not on the state runs before the loop.
        views: nodes that are not worth handing over between phases: each phase computes them itself.
        recomputes: forward nodes that the backward loop computes again rather than reading them from memory.
        loops: backward nodes that run in the loop even if only the gradient of a parameter wants them.
    """

    hoists: bool
    views: Callable[[Node], bool]
    recomputes: Callable[[Node], bool]
    loops: Callable[[Node], bool]


@dataclass
class Phases:
    """The nodes that cross from phase to phase; everything else is computed where it is used."""

    trace: Trace
    hoisted: list[Node]
    saved: list[Node]
    kept: list[Node]

    @property
    def fixed(self) -> list[Node]:
        """What is the same at every step from the start."""
        return [*self.trace.parameters, *self.trace.constants]

    def before(self) -> Part:
        return Part(self.trace, self.hoisted, [*self.fixed, self.trace.x])

    def forward(self) -> Part:
        t = self.trace
        return Part(t, [*t.new, *self.saved], [*self.fixed, t.x, *self.hoisted, *t.state])

    def backward(self) -> Part:
        t = self.trace
        given = [*self.fixed, t.x, *self.hoisted, *t.state, *t.new, *self.saved, *t.d_new]
        return Part(t, [*t.d_state, *self.kept], given)

    def after(self) -> Part:
        t = self.trace
        given = [*self.fixed, t.x, *self.hoisted, *t.state, *t.new, *self.saved, *self.kept]
        return Part(t, [*t.d_parameters, t.d_x], given)


class Part:
    """A phase as a function of some nodes' values. A node that is ``given`` is never computed."""

    def __init__(self, trace: Trace, outputs: Iterable[Node | None], given: Iterable[Node]) -> None:
        self.outputs = list(outputs)
        known = set(given) | {trace.rows}
        needed = _computed(self.outputs, known)
        self.nodes = [n for n in trace.graph.nodes if n in needed and n not in known]
        self.inputs = [n for n in trace.graph.nodes if n in needed and n in known]

    def compile(self) -> Callable[[Mapping[Node, Any]], tuple[Any, ...]]:
        """The function from the values of nodes to those of ``outputs``."""
        graph, copies = Graph(), {}
        for node in self.inputs:
            copies[node] = graph.placeholder(node.name)
        for node in self.nodes:
            source: Any = node.args[0] if node.target is aten.t.default else None
            if source in copies and source.target is aten.t.default and source.args[0] in copies:
                copies[node] = copies[source.args[0]]  # transposed twice
                continue
            copies[node] = graph.node_copy(node, copies.__getitem__)
        graph.output(tuple(None if o is None else copies[o] for o in self.outputs))
        graph.eliminate_dead_code()
        code = graph.python_code(root_module="self")  # as a GraphModule does, which would keep copies of the graph
        names = dict(code.globals)
        exec(code.src, names)
        function, inputs = names["forward"], self.inputs
        return lambda values: function(None, *[values[node] for node in inputs])


def split(trace: Trace, policy: Policy) -> Phases:
    """Decide which values of ``trace`` cross between phases.

    Raises:
        NotTraceable: a value that has to cross does not hold one entry for each row of the batch.
    """
    targets = [g for g in (*trace.d_parameters, trace.d_x) if g is not None]
    in_loop = _operations(descendants(trace.graph, [*trace.state, *trace.d_new]))
    forward = in_loop & _with_items(ancestors(trace.new))
    backward = _backward(trace, policy, in_loop - forward)
    after = in_loop - forward - backward

    def is_value(node: Node) -> bool:
        return isinstance(node.meta["value"], Value)

    on_x = descendants(trace.graph, [trace.x])
    run_forward = forward if policy.hoists else forward | (_operations(on_x) - in_loop)
    kept = _frontier(trace, [*_sources(after), *targets], backward | {*trace.d_new}, is_value)
    saved = _frontier(
        trace,
        [*_sources(backward | after), *targets],
        run_forward - {*trace.new},
        lambda node: is_value(node) and not policy.recomputes(node),
    )
    hoisted = _frontier(
        trace,
        [*_sources(in_loop), *trace.new, *(d for d in trace.d_state if d is not None)],
        _operations(trace.graph.nodes) - in_loop,
        lambda node: (
            is_value(node) and not policy.views(node) and (node not in on_x or (policy.hoists and trace.has_rows(node)))
        ),
    )
    for node in (*saved, *kept):
        if not trace.has_rows(node) and not (sums_rows(trace, node) and policy.loops(node)):
            raise NotTraceable(f"mixes the rows of the batch, or lays them along another axis ({node.target})")
    return Phases(trace, hoisted, saved, kept)


def _backward(trace: Trace, policy: Policy, gradient: set[Node]) -> set[Node]:
    """The nodes of the ``gradient`` that run in the backward loop."""
    carried = ancestors(trace.d_state)
    found: set[Node] = set()
    for node in trace.graph.nodes:
        if node in gradient:
            ready = all(source in found or source not in gradient for source in node.all_input_nodes)
            if node in carried or (ready and policy.loops(node)):
                found.add(node)
    return _with_items(found) & gradient


def sums_rows(trace: Trace, node: Node) -> bool:
    """Whether ``node`` is a plain sum over the rows of the batch."""
    plain = node.target is aten.sum.dim_IntList and list(node.args[1]) == [0]  # type: ignore[arg-type]
    return plain and trace.has_rows(node.args[0]) and not trace.has_rows(node)  # type: ignore[arg-type]


def _frontier(trace: Trace, demanded: Iterable[Node], inside: set[Node], crosses: Callable[[Node], bool]) -> list[Node]:
    """The nodes ``inside`` that are demanded; one that does not cross itself passes the demand on to what it reads."""
    found: set[Node] = set()
    seen: set[Node] = set()
    pending = list(demanded)
    while pending:
        node = pending.pop()
        if node in inside and node not in seen:
            seen.add(node)
            if crosses(node):
                found.add(node)
            else:
                pending += node.all_input_nodes
    return [node for node in trace.graph.nodes if node in found]


def _operations(nodes: Iterable[Node]) -> set[Node]:
    return {node for node in nodes if node.op == "call_function"}


def _sources(nodes: Iterable[Node]) -> list[Node]:
    return [source for node in nodes for source in node.all_input_nodes]


def _with_items(nodes: set[Node]) -> set[Node]:
    """``nodes`` and the single results taken from those that have several."""
    several = [n for n in nodes if n.op == "call_function" and n.meta["value"] is None]
    return nodes | {user for node in several for user in node.users}


def _computed(outputs: Iterable[Node | None], given: set[Node]) -> set[Node]:
    """What has to be known to compute ``outputs``: all nodes on the way, and the given ones where it begins."""
    found: set[Node] = set()
    pending = [n for n in outputs if n is not None]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            if node not in given:
                pending += node.all_input_nodes
    return found
