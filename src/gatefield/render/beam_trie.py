"""The tree that a beam search grew: every hypothesis that was followed, and the one that was chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from ..core.errors import ArgumentError
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST = 400
"""Nodes; a drawing of more could not be read."""

_WIDTH, _HEIGHT = 1.15, 0.34  # inches of a step and of a leaf


class TrieNode(Protocol):
    """What is drawn of a hypothesis; ``decoding.trace.Node`` is one."""

    @property
    def parent(self) -> int: ...
    @property
    def token(self) -> int: ...
    @property
    def log_probability(self) -> float: ...
    @property
    def step(self) -> int: ...
    @property
    def ended(self) -> bool: ...


def beam_trie(
    nodes: Sequence[TrieNode],
    chosen: Sequence[int] = (),
    symbol: Callable[[int], str] = str,
    root: str = "begin",
) -> Figure:
    """The sub-tree of all strings that a search has seen (catalogue 183), from left to right.

    A node is a hypothesis and shows its last symbol; the edge to it shows the probability of that symbol. Where
    the end symbol was said, the frame is of another color. Symbols that were never followed are not drawn.

    Args:
        nodes: parents before children, the root first; ``Trace.tree`` gives them.
        chosen: the symbols of the chosen hypothesis, with the end symbol if it has one; its path is marked.
        symbol: what a symbol is called.
        root: what the beginning is called.

    Raises:
        ArgumentError: no nodes, more than `LARGEST`, or a chosen path that is not in the tree.
    """
    if not nodes or len(nodes) > LARGEST:
        hint = f"draw a search of fewer steps or hypotheses: at most {LARGEST} nodes"
        raise ArgumentError(f"a tree of {len(nodes)} nodes cannot be drawn", hint=hint, path=("nodes",))
    children: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes[1:], start=1):
        children[node.parent].append(index)
    for below in children:
        below.sort(key=lambda index: -nodes[index].log_probability)
    heights, leaves = _heights(children)
    path = _path(nodes, children, chosen)

    steps = max(node.step for node in nodes)
    figure = style.blank(1.2 + _WIDTH * (steps + 1), 0.8 + _HEIGHT * max(leaves, 2))
    axes = style.bare_axes(figure.subplots())
    axes.set_xlim(-0.6, steps + 0.6)
    axes.set_ylim(leaves - 0.3, -0.7)
    for index, node in enumerate(nodes):
        on_path = index in path
        if node.parent >= 0:
            _edge(axes, (node.step - 1, heights[node.parent]), (node.step, heights[index]), node, on_path)
        _node(axes, node.step, heights[index], root if node.parent < 0 else symbol(node.token), node.ended, on_path)
    return style.literal(figure)


def _heights(children: list[list[int]]) -> tuple[list[float], int]:
    """Where each node stands, and how many leaves there are: leaves below one another, parents amid their children."""
    heights, leaves = [math.nan] * len(children), 0
    stack = [0]
    order = []
    while stack:
        index = stack.pop()
        order.append(index)
        stack += reversed(children[index])
        if not children[index]:
            heights[index], leaves = float(leaves), leaves + 1
    for index in reversed(order):
        if children[index]:
            heights[index] = (heights[children[index][0]] + heights[children[index][-1]]) / 2
    return heights, leaves


def _path(nodes: Sequence[TrieNode], children: list[list[int]], chosen: Sequence[int]) -> set[int]:
    """The nodes along ``chosen``, the root among them; none without a choice."""
    if not chosen:
        return set()
    path = [0]
    for token in chosen:
        following = [index for index in children[path[-1]] if nodes[index].token == token]
        if not following:
            hint = "give the symbols of a hypothesis of this sentence, with the end symbol if it is finished"
            raise ArgumentError(f"the chosen path leaves the tree at symbol {token}", hint=hint, path=("chosen",))
        path.append(following[0])
    return set(path)


def _edge(axes: Axes, start: tuple[float, float], end: tuple[float, float], node: TrieNode, on_path: bool) -> None:
    color = style.FIRST if on_path else style.HAIRLINE
    axes.plot(*zip(start, end), color=color, linewidth=2.2 if on_path else 1.1, zorder=1, solid_capstyle="round")
    # Near the child, where edges of one parent have parted.
    x, y = (0.4 * a + 0.6 * b for a, b in zip(start, end))
    axes.text(
        x,
        y,
        _probability(math.exp(node.log_probability)),
        color=style.FIRST if on_path else style.MUTED,
        fontsize=7.5,
        ha="center",
        va="center",
        zorder=2,
        bbox={"facecolor": style.SURFACE, "edgecolor": "none", "pad": 0.8},
    )


def _node(axes: Axes, x: float, y: float, name: str, ended: bool, on_path: bool) -> None:
    box = {
        "boxstyle": "round,pad=0.28",
        "facecolor": style.SURFACE,
        "edgecolor": style.FIRST if on_path else style.SECOND if ended else style.HAIRLINE,
        "linewidth": 1.6 if on_path or ended else 1.0,
    }
    axes.text(
        x,
        y,
        style.label(name, 10) or "·",
        color=style.INK if on_path or not ended else style.SECOND,
        fontsize=9,
        weight="bold" if on_path else "normal",
        ha="center",
        va="center",
        zorder=3,
        bbox=box,
    )


def _probability(p: float) -> str:
    """Two digits that matter: .42, .051, 3e-05."""
    return f"{p:.2f}".removeprefix("0") if p >= 0.1 else f"{p:.2g}".removeprefix("0")
