"""Sentences of agreement: their grammar, their numbers, and how often what occurs."""

from __future__ import annotations

from collections import Counter

import pytest

from gatefield.core.errors import ArgumentError
from gatefield.data.readers.agreement import Agreement
from gatefield.data.synthetic.agreement import NOUNS, PREPOSITIONS, agreement_sentences, agreements

NUMBER = {noun: number for pair in NOUNS for number, noun in enumerate(pair)}


def nouns_of(text: str) -> list[int]:
    """The number of each noun, in order."""
    return [NUMBER[word] for word in text.split() if word in NUMBER]


def test_verbs_agree_with_the_first_noun():
    sentences = agreement_sentences(3000, attractors=2, seed=4)
    for sentence in sentences:
        words = sentence.split()
        (verb,) = [word for word in words if word in ("is", "are")]
        assert verb == ("is", "are")[nouns_of(sentence)[0]]
        assert words[-1] == "."
        assert sum(word in PREPOSITIONS for word in words) == len(nouns_of(sentence)) - 1 <= 2
    counts = Counter(len(nouns_of(sentence)) - 1 for sentence in sentences)
    assert counts[0] / counts[1] == pytest.approx(2, rel=0.15)
    assert counts[1] / counts[2] == pytest.approx(2, rel=0.2)
    others = [number for sentence in sentences for number in nouns_of(sentence)[1:]]
    assert sum(others) / len(others) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("attractors", [0, 1, 3])
def test_attractors_have_the_other_number(attractors):
    found = agreements(40, attractors, seed=1)
    for one in found:
        first, *others = nouns_of(one.context)
        assert one.right == ("is", "are")[first]
        assert {one.right, one.wrong} == {"is", "are"}
        assert others == [1 - first] * attractors == [1 - first] * one.attractors
        words = one.context.split()
        subject = next(k for k, word in enumerate(words) if word in NUMBER)
        assert one.distance == len(words) - subject - 1 >= 3 * attractors
    assert Counter(one.right for one in found) == {"is": 20, "are": 20}


def test_what_is_drawn_is_fixed():
    assert agreement_sentences(5, seed=3) == agreement_sentences(5, seed=3) != agreement_sentences(5, seed=4)
    parts = Agreement(count=50, attractors=1).read()
    assert (len(parts.train), len(parts.validation)) == (50, 5)
    for bad in (lambda: agreement_sentences(-1), lambda: agreements(3, -1)):
        with pytest.raises(ArgumentError) as caught:
            bad()
        assert caught.value.hint
