"""The tree of a search against a search in plain Python."""

from __future__ import annotations

import pytest
from steppers import TreeStepper

from gatefield.decoding import Beam, Hypothesis
from gatefield.decoding.decoder import Request
from gatefield.decoding.trace import Node, Trace

BEGIN, END = 0, 1


def search(beam: Beam, model: TreeStepper, names: list[int], limit: int) -> tuple[list[list[Hypothesis]], Trace]:
    state = model.start(names)
    return beam.search(model, state, Request.of(state, BEGIN, END, limit))


def strings(nodes: list[Node]) -> dict[tuple[int, ...], float]:
    """What each node has said, and how probable that is."""
    said: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    for node in nodes[1:]:
        before, total = said[node.parent]
        said.append(((*before, node.token), total + node.log_probability))
    assert len(dict(said)) == len(nodes)  # every string once: a tree of strings
    return dict(said)


def followed(model: TreeStepper, name: int, width: int, limit: int) -> dict[tuple[int, ...], float]:
    """Every hypothesis that a beam keeps, open or ended, when it never stops early."""
    live: dict[tuple[int, ...], float] = {(): 0.0}
    seen = dict(live)
    for _ in range(limit):
        longer = {
            (*said, token): total + value
            for said, total in live.items()
            for token, value in enumerate(model.after(name, (BEGIN, *said)))
        }
        ranked = sorted(longer, key=lambda said: -longer[said])
        ended = [said for said in ranked[:width] if said[-1] == END]
        live = {said: longer[said] for said in [said for said in ranked if said[-1] != END][:width]}
        seen |= {said: longer[said] for said in ended} | live
    return seen


@pytest.mark.parametrize("width", [1, 3])
def test_the_tree_holds_every_hypothesis_that_was_followed(width):
    model, limit = TreeStepper(4, seed=5), 6
    # More hypotheses than there can be: nothing stops the search before the limit.
    _, trace = search(Beam(width, 1000), model, [2, 3], limit)
    for sentence, name in enumerate((2, 3)):
        expected = followed(model, name, width, limit)
        assert strings(trace.tree(sentence)) == pytest.approx(expected, abs=1e-12)
        for node in trace.tree(sentence)[1:]:
            assert node.ended is (node.token == END)


def test_the_tree_holds_the_results_and_ends_with_its_sentence():
    model = TreeStepper(6, seed=9)
    found, trace = search(Beam(4, 3), model, list(range(12)), 15)
    depths = set()
    for sentence, hypotheses in enumerate(found):
        nodes = trace.tree(sentence)
        said = strings(nodes)
        for h in hypotheses:
            assert said[(*h.tokens, *([END] if h.finished else []))] == pytest.approx(h.log_probability, abs=1e-12)
        depths.add(max(node.step for node in nodes))
    assert len(depths) > 1  # sentences stop at different times


def test_the_tree_of_no_steps_is_its_root():
    model = TreeStepper(4)
    _, trace = search(Beam(2), model, [1], 0)
    assert trace.tree(0) == [Node(-1, -1, 0.0, 0, False)]
