"""The drawing of a search tree: what it says, and where."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy
import pytest
from drawn import on_canvas
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from gatefield.core.errors import ArgumentError
from gatefield.render import style
from gatefield.render.beam_trie import LARGEST, beam_trie


class Hypothesis(NamedTuple):
    parent: int
    token: int
    log_probability: float
    step: int
    ended: bool


NODES = [
    Hypothesis(-1, -1, 0.0, 0, False),
    Hypothesis(0, 5, math.log(0.6), 1, False),
    Hypothesis(0, 6, math.log(0.0512), 1, False),
    Hypothesis(1, 7, math.log(0.9), 2, False),
    Hypothesis(1, 1, math.log(0.1), 2, True),
    Hypothesis(3, 1, math.log(1.0), 3, True),
]


def texts(figure) -> dict[str, Text]:
    return {text.get_text(): text for text in figure.findobj(Text) if text.get_text()}


def test_symbols_and_probabilities_stand_where_they_belong():
    figure = beam_trie(NODES, symbol=lambda token: f"s{token}", root="<s>")
    found = texts(figure)
    assert set(found) == {"<s>", "s5", "s6", "s7", "s1", ".60", ".051", ".90", ".10", "1.00"}
    columns = {name: found[name].get_position()[0] for name in ("<s>", "s5", "s6", "s7")}
    assert columns == {"<s>": 0, "s5": 1, "s6": 1, "s7": 2}
    (axes,) = figure.axes
    ends = {tuple(numpy.round([*line.get_xdata(), *line.get_ydata()], 9)) for line in axes.lines}
    assert len(ends) == len(NODES) - 1  # no edge hides another
    for line in axes.lines:
        assert line.get_xdata()[1] == line.get_xdata()[0] + 1
    leaves = sorted(text.get_position()[1] for text in axes.texts if text.get_text() in ("s6", "s1"))
    assert leaves == [0, 1, 2]  # leaves stand below one another


def test_the_chosen_path_is_marked_and_no_other():
    plain, marked = beam_trie(NODES), beam_trie(NODES, chosen=(5, 7, 1))
    first = numpy.array(to_rgb(style.FIRST)) * 255

    def pixels(figure) -> int:
        return int((numpy.abs(on_canvas(figure).astype(int) - first) < 12).all(-1).sum())

    assert pixels(plain) == 0
    assert pixels(marked) > 200
    (axes,) = marked.axes
    blue = [tuple(line.get_xdata()) for line in axes.lines if line.get_color() == style.FIRST]
    assert blue == [(0, 1), (1, 2), (2, 3)]


def test_hostile_symbols_are_drawn_as_they_are():
    for name in ("$x$", r"\frac{", "", "\n", "a\x00b", "<script>" * 10):
        on_canvas(beam_trie(NODES, symbol=lambda token, name=name: name))


def test_only_the_root():
    assert set(texts(beam_trie(NODES[:1], root="<s>"))) == {"<s>"}


def test_what_cannot_be_drawn():
    chain = [NODES[0], *(Hypothesis(k, 2, -0.1, k + 1, False) for k in range(LARGEST))]
    for nodes, chosen, message in (
        ([], (), "a tree of 0 nodes"),
        (chain, (), f"a tree of {LARGEST + 1} nodes"),
        (NODES, (5, 8), "leaves the tree at symbol 8"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            beam_trie(nodes, chosen)
        assert caught.value.hint
