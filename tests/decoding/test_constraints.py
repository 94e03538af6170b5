"""Constraints against filtering all sequences."""

from __future__ import annotations

import pytest
from plain_search import every_sequence, ranked
from steppers import TreeStepper

from gatefield.core.errors import ArgumentError
from gatefield.decoding import Beam, Constraint, Forbidden, Greedy, Lexicon, Prefix, Sampling

BEGIN, END = 0, 1
NAMES = [3, 4, 5]


def decoded(model: TreeStepper, constraints: list[Constraint], limit: int = 6) -> list[list[tuple[int, ...]]]:
    found = Beam(5**4, 8).decode(model, model.start(NAMES), BEGIN, END, limit, constraints)
    return [[(*h.tokens, END) for h in row if h.finished] for row in found]


def filtered(model: TreeStepper, allowed, limit: int = 6) -> list[list[tuple[int, ...]]]:
    rows = []
    for index, name in enumerate(NAMES):
        paths = [path for path in every_sequence(model, name, BEGIN, END, limit) if allowed(index, path[0])]
        rows.append([symbols for symbols, _ in ranked(paths, lambda n: 1.0, 8)])
    return rows


def test_prefixes_are_said_first():
    model, prefixes = TreeStepper(4, seed=2), [(2, 0), (), (3, 3, 2)]
    expected = filtered(model, lambda k, symbols: symbols[: len(prefixes[k])] == prefixes[k])
    assert decoded(model, [Prefix(prefixes)]) == expected


def test_forbidden_symbols_are_not_said():
    model = TreeStepper(4, seed=2)
    assert decoded(model, [Forbidden([2])]) == filtered(model, lambda k, symbols: 2 not in symbols)


def test_constraints_add_up():
    model = TreeStepper(4, seed=2)
    expected = filtered(model, lambda k, symbols: 2 not in symbols and symbols[0] == 3)
    assert decoded(model, [Forbidden([2]), Prefix([(3,)] * 3)]) == expected


WORDS = [(2,), (2, 3), (3, 0), (3, 0, 2)]


def test_a_lexicon_of_single_words():
    model = TreeStepper(4, seed=3)
    expected = filtered(model, lambda k, symbols: symbols[:-1] in WORDS, 5)
    assert decoded(model, [Lexicon(WORDS, end=END)], 5) == expected
    assert len(expected[0]) == 4


def test_a_lexicon_of_words_between_separators():
    model, separator = TreeStepper(5, seed=3), 4

    def spelled(_, symbols) -> bool:
        words, word = [], ()
        for symbol in symbols[:-1]:
            words, word = ([*words, word], ()) if symbol == separator else (words, (*word, symbol))
        return all(w in WORDS for w in [*words, word])

    expected = filtered(model, spelled, 6)
    assert decoded(model, [Lexicon(WORDS, separator, END)], 6) == expected


def test_a_hypothesis_is_spelled_from_the_lexicon_whoever_decodes():
    model = TreeStepper(9, seed=3)
    for decoder in (Greedy(), Sampling(samples=20), Beam(3, 3)):
        found = decoder.decode(model, model.start(NAMES), BEGIN, END, 6, [Lexicon(WORDS, end=END)])
        assert all(h.tokens in WORDS and h.finished for row in found for h in row)


def test_scores_are_the_models_own():
    model = TreeStepper(5, seed=3)
    for decoder in (Greedy(), Sampling(), Beam(3)):
        ((h,),) = decoder.decode(model, model.start([3]), BEGIN, END, 4, [Prefix([(4, 4)])])
        assert h.log_probabilities[0] == pytest.approx(model.after(3, (BEGIN,))[4], abs=1e-12)
        assert h.log_probabilities[1] == pytest.approx(model.after(3, (BEGIN, 4))[4], abs=1e-12)


def test_a_dead_end_gives_no_hypotheses():
    model = TreeStepper(4)
    found = Beam(3, 2).decode(model, model.start(NAMES), BEGIN, END, 4, [Forbidden([0, 1, 2, 3])])
    assert found == [[], [], []]


def test_constraints_follow_sentences_that_leave_the_batch():
    """Sentence 0 ends at once; the prefixes of the others stay theirs."""
    model = TreeStepper(4, seed=2)
    prefixes = [(1,), (2, 3, 2), (3, 2, 3)]
    for decoder in (Greedy(), Sampling(), Beam(1)):
        found = decoder.decode(model, model.start(NAMES), BEGIN, END, [1, 6, 6], [Prefix(prefixes)])
        assert found[0][0].tokens == ()
        assert found[1][0].tokens[:3] == prefixes[1]
        assert found[2][0].tokens[:3] == prefixes[2]


def test_bad_constraints():
    model = TreeStepper(4)
    for constraint, message in (
        (Forbidden([7]), "names the symbol 7 of a vocabulary of 4"),
        (Prefix([(1,)]), "1 prefixes for 3 sentences"),
        (Lexicon([(5,)]), "names the symbol 5"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            Beam().decode(model, model.start(NAMES), BEGIN, END, 4, [constraint])
        assert caught.value.hint
    for build in (
        lambda: Forbidden([-1]),
        lambda: Prefix([(2, -3)]),
        lambda: Lexicon([]),
        lambda: Lexicon([(2,), ()]),
        lambda: Lexicon([(2,), (2, 3)], separator=3),
    ):
        with pytest.raises(ArgumentError):
            build()
