"""Graphs of tensor operations: what a node holds, what it depends on, and how a recorded graph becomes smaller."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch.fx import Graph, Node

aten = torch.ops.aten


class Value(NamedTuple):
    """What a node of the graph computes, on the batch that was traced."""

    shape: tuple[int, ...]
    dtype: torch.dtype


def ancestors(nodes: Iterable[Node | None]) -> set[Node]:
    """``nodes`` and everything that they are computed from."""
    found: set[Node] = set()
    pending = [n for n in nodes if n is not None]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending += node.all_input_nodes
    return found


def descendants(graph: Graph, nodes: Iterable[Node]) -> set[Node]:
    """``nodes`` and everything that is computed from them."""
    found = set(nodes)
    for node in graph.nodes:
        if node.op == "call_function" and any(source in found for source in node.all_input_nodes):
            found.add(node)
    return found


def map_nested(value: Any, function: Callable[[Any], Any]) -> Any:
    """``value`` with ``function`` applied to everything inside its lists, tuples and mappings."""
    if isinstance(value, (list, tuple)):
        return type(value)(map_nested(item, function) for item in value)
    if isinstance(value, dict):
        return {key: map_nested(item, function) for key, item in value.items()}
    return function(value)


_SAME = {aten.detach.default, aten.alias.default, aten.clone.default, aten.lift_fresh_copy.default}


def simplify(graph: Graph, rows: Node, batch: int) -> None:
    """Drop copies and dead code, merge what is computed twice, and make sizes that count rows follow ``rows``."""
    seen: dict[Any, Node] = {}
    for node in graph.nodes:
        if node.op != "call_function":
            continue
        if node.target in _SAME or _is_idle_cast(node):
            node.replace_all_uses_with(node.args[0])
            continue
        if node.target in _SUMMING:
            _part_sums(graph, node)
        key = (node.target, _freeze(node.args), _freeze(node.kwargs))
        if key in seen:
            node.replace_all_uses_with(seen[key])
        else:
            seen[key] = node
    graph.eliminate_dead_code()
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target is not operator.getitem:
            with graph.inserting_before(node):
                node.args, node.kwargs = map_nested((node.args, node.kwargs), lambda v: _counted(graph, rows, batch, v))


def _counted(graph: Graph, rows: Node, batch: int, value: Any) -> Any:
    """``value``, or the node that computes it if it is a multiple of the number of rows."""
    if type(value) is not int or value < batch or value % batch:
        return value
    if value == batch:
        return rows
    product = graph.call_function(operator.mul, (rows, value // batch))
    product.meta["value"] = None
    return product


def _is_idle_cast(node: Node) -> bool:
    if node.target is not aten._to_copy.default:
        return False
    source = node.args[0]
    return isinstance(source, Node) and source.meta["value"].dtype == node.meta["value"].dtype


_SUMMING = {  # gradients by the input, which the loop needs, and by the weights, sums over the rows, in one operation
    aten.convolution_backward.default,
    aten.native_layer_norm_backward.default,
    aten.native_group_norm_backward.default,
}


def _part_sums(graph: Graph, node: Node) -> None:
    """Part an operation with several gradients in one for the loop and one for after it."""
    arguments: Any = node.args
    target: Any = node.target
    *args, (by_input, by_weight, by_bias) = arguments
    if not (by_input and (by_weight or by_bias)):
        return
    with graph.inserting_before(node):
        masks = [[True, False, False], [False, by_weight, by_bias]]
        halves = [graph.call_function(target, (*args, mask)) for mask in masks]
    for half in halves:
        half.meta["value"] = None
    for item in list(node.users):
        item.args = (halves[0] if item.args[1] == 0 else halves[1], item.args[1])


def _freeze(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_freeze(item) for item in value)
    if isinstance(value, dict):
        return tuple((key, _freeze(item)) for key, item in value.items())
    return (type(value), repr(value)) if isinstance(value, (int, float, complex)) else value
