"""Phrases that must be said: against filtering all sequences, and in a beam too narrow to come upon them."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_search import every_sequence, ranked
from steppers import GRUStepper, TreeStepper

from gatefield.core.errors import ArgumentError
from gatefield.decoding import Average, Beam, Forbidden, Greedy, MustContain, Prefix, Sampling, forced

BEGIN, END = 0, 1
NAMES = [3, 4, 5, 6]
PHRASES = [[(2, 3), (3, 2)], [], [(2, 2, 3), (0,)], [(3, 2), (3, 2, 3)]]


def said(symbols, phrases) -> bool:
    """Whether every phrase is somewhere in ``symbols``."""
    return all(any(symbols[k : k + len(p)] == p for k in range(len(symbols) - len(p) + 1)) for p in map(tuple, phrases))


@pytest.mark.parametrize(("penalty", "divisor"), [({"name": "none"}, lambda n: 1.0), ({"name": "average"}, float)])
def test_a_beam_of_full_width_finds_the_best_of_all_that_say_them(penalty, divisor):
    model, limit = TreeStepper(4, seed=2), 6
    found = Beam(3**5, 8, penalty).decode(model, model.start(NAMES), BEGIN, END, limit, [MustContain(PHRASES, END)])
    for name, phrases, row in zip(NAMES, PHRASES, found):
        paths = [path for path in every_sequence(model, name, BEGIN, END, limit) if said(path[0], phrases)]
        expected = ranked(paths, divisor, 8)
        finished = [h for h in row if h.finished]
        assert [(*h.tokens, END) for h in finished] == [symbols for symbols, _ in expected]
        assert [h.score for h in finished] == pytest.approx([score for _, score in expected], abs=1e-12)
        assert all(said(h.tokens, phrases) for h in row)


def test_without_an_end_symbol_it_must_be_said_by_the_limit():
    model = TreeStepper(3, seed=1)
    (found,) = Beam(3**5, 3**5).decode(model, model.start([7]), BEGIN, None, 5, [MustContain([[(2, 1), (1, 1)]])])
    expected = [row for row in itertools.product(range(3), repeat=5) if said(row, [(2, 1), (1, 1)])]
    assert sorted(h.tokens for h in found) == expected
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_narrow_beam_says_what_it_never_would(width):
    """Phrases of the rarest symbols: their probability is below 1e-6 a symbol."""
    model = GRUStepper(vocabulary=60)
    with torch.no_grad():
        model.output.bias[40:] -= 15
    memory, lengths = model.sources(5)
    phrases = [[(45, 41, 59), (50,)], [(44, 44)], [], [(58, 42), (42, 58), (47,)], [(41, 41, 41, 41, 41)]]
    beam = Beam(width, width, Average())
    found = beam.decode(model, model.start(memory, lengths), BEGIN, END, 14, [MustContain(phrases, END)])
    free = beam.decode(model, model.start(memory, lengths), BEGIN, END, 14)
    for row, wanted in zip(found, phrases):
        assert row
        assert all(said(h.tokens, wanted) for h in row)
    assert not any(said(h.tokens, wanted) for row, wanted in zip(free, phrases) if wanted for h in row)
    assert [h.tokens for h in found[2]] == [h.tokens for h in free[2]]  # nothing is demanded of this one
    scored = forced(model, model.start(memory, lengths), [[h.tokens for h in row] for row in found], BEGIN, None)
    for row, others in zip(found, scored):
        for h, other in zip(row, others):
            assert h.log_probabilities[: len(h.tokens)] == pytest.approx(other.log_probabilities, abs=1e-12)


def test_all_is_said_as_soon_as_its_symbols_are():
    """One hypothesis is followed, and the limit leaves room for nothing else."""
    model = TreeStepper(6, seed=8)
    constraint = MustContain([[(2, 3, 4), (5, 5)], [(4, 2)]], END)
    found = Beam(1).decode(model, model.start([1, 2]), BEGIN, END, [5, 2], [constraint])
    assert [row[0].tokens for row in found[1:]] == [(4, 2)]
    assert found[0][0].tokens in ((2, 3, 4, 5, 5), (5, 5, 2, 3, 4))


def test_it_goes_with_other_constraints():
    model = TreeStepper(5, seed=3)
    constraints = [Forbidden([3]), Prefix([(2, 4)]), MustContain([[(4, 4), (0,)]], END)]
    (found,) = Beam(4**4, 5).decode(model, model.start([9]), BEGIN, END, 6, constraints)
    paths = [
        path
        for path in every_sequence(model, 9, BEGIN, END, 6)
        if said(path[0], [(4, 4), (0,)]) and path[0][:2] == (2, 4) and 3 not in path[0]
    ]
    expected = ranked(paths, lambda n: 1.0, 5)
    assert [(*h.tokens, END) for h in found if h.finished] == [symbols for symbols, _ in expected]


def test_what_cannot_be_said_gives_nothing():
    model = TreeStepper(4)
    assert Beam(3).decode(model, model.start([1]), BEGIN, END, 2, [MustContain([[(2, 3, 2)]], END)]) == [[]]
    constraints = [Forbidden([2]), MustContain([[(2,)]], END)]
    assert Beam(3).decode(model, model.start([1]), BEGIN, END, 9, constraints) == [[]]


def test_a_sentence_does_not_feel_the_batch_it_is_in():
    model = GRUStepper()
    memory, lengths = model.sources(12)
    phrases = [[(k % 15 + 2, 3)] if k % 3 else [] for k in range(12)]
    beam = Beam(4, 2)
    together = beam.decode(model, model.start(memory, lengths), BEGIN, END, 9, [MustContain(phrases, END)])
    for k in range(12):
        state = model.start(memory[k : k + 1], lengths[k : k + 1])
        (alone,) = beam.decode(model, state, BEGIN, END, 9, [MustContain(phrases[k : k + 1], END)])
        assert [h.tokens for h in together[k]] == [h.tokens for h in alone]
        assert [h.score for h in together[k]] == pytest.approx([h.score for h in alone], abs=1e-9)


words = st.lists(st.integers(2, 4), min_size=1, max_size=3).map(tuple)


@settings(deadline=None, max_examples=60)
@given(st.lists(words, max_size=4), st.lists(st.integers(0, 7), max_size=12))
def test_the_automaton_knows_what_was_said(phrases, text):
    constraint = MustContain([[(3,)], phrases], END)
    state = constraint.start(2)[1:, None]
    before = int(constraint.progress(state))
    assert before == 0
    for k, symbol in enumerate(text):
        wanted = [int(w) for w in constraint.wanted(state).flatten() if w >= 0]
        farther = [constraint.progress(constraint.advance(state, torch.tensor([[w]]))) for w in wanted]
        assert bool(constraint.complete(state)) == (not wanted) == said(tuple(text[:k]), phrases)
        assert not wanted or max(map(int, farther)) > int(constraint.progress(state))
        state = constraint.advance(state, torch.tensor([[symbol]]))
    assert bool(constraint.complete(state)) == said(tuple(text), phrases)


def test_what_is_refused():
    model = TreeStepper(4)
    for build, message in (
        (lambda: MustContain([[()]]), "no symbols"),
        (lambda: MustContain([[(2, -1)]]), "-1 is no symbol"),
        (lambda: MustContain([[(2, 1)]], end=1), "end symbol 1"),
        (lambda: MustContain([[(k,) for k in range(17)]]), "17 phrases"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            build()
        assert caught.value.hint
    constraint = MustContain([[(2,)]], END)
    for decoder in (Greedy(), Sampling(), Beam(2, 2, groups=2, diversity=1.0)):
        with pytest.raises(ArgumentError, match=r"what must be said|what they must say") as caught:
            decoder.decode(model, model.start([1]), BEGIN, END, 4, [constraint])
        assert caught.value.hint
    with pytest.raises(ArgumentError, match="phrases for 1 of 2 sentences"):
        Beam(2).decode(model, model.start([1, 2]), BEGIN, END, 4, [constraint])
    with pytest.raises(ArgumentError, match="symbol 9 of a vocabulary of 4"):
        Beam(2).decode(model, model.start([1]), BEGIN, END, 4, [MustContain([[(9,)]], END)])
