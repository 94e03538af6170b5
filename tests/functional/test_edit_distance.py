"""Edit distance against the recursion that defines it, the axioms of a metric, and examples worked by hand."""

from __future__ import annotations

import functools

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.functional.edit_distance import Edits, align, distances, edits, total_edits

SHORT = st.text(alphabet="abc", max_size=7)
LONG = st.lists(st.integers(0, 3), max_size=25)


def by_recursion(reference, hypothesis) -> int:
    """The definition, written down."""

    @functools.cache
    def d(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        same = reference[i - 1] == hypothesis[j - 1]
        return min(d(i - 1, j) + 1, d(i, j - 1) + 1, d(i - 1, j - 1) + (not same))

    return d(len(reference), len(hypothesis))


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("kitten", "sitting", Edits(2, 0, 1, 6)),
        ("", "", Edits(0, 0, 0, 0)),
        ("", "ab", Edits(0, 0, 2, 0)),
        ("ab", "", Edits(0, 2, 0, 2)),
        ("1234", "124", Edits(0, 1, 0, 4)),
        (["the", "cat", "sat"], ["the", "cat", "sat", "down"], Edits(0, 0, 1, 3)),
        ("abcd", "xbd", Edits(1, 1, 0, 4)),
    ],
)
def test_worked_by_hand(reference, hypothesis, expected):
    found = edits(reference, hypothesis)
    assert found.errors == expected.errors == by_recursion(reference, hypothesis)
    assert found == expected


@settings(deadline=None)
@given(SHORT, SHORT)
def test_distances_are_those_of_the_definition(reference, hypothesis):
    D = distances(reference, hypothesis)
    expected = [
        [by_recursion(reference[:i], hypothesis[:j]) for j in range(len(hypothesis) + 1)]
        for i in range(len(reference) + 1)
    ]
    numpy.testing.assert_array_equal(D, expected)


@settings(deadline=None)
@given(LONG, LONG)
def test_the_alignment_is_a_path_of_that_length(reference, hypothesis):
    pairs = align(reference, hypothesis)
    assert [i for i, _ in pairs if i is not None] == list(range(len(reference)))
    assert [j for _, j in pairs if j is not None] == list(range(len(hypothesis)))
    found = edits(reference, hypothesis)
    assert found.errors == distances(reference, hypothesis)[-1, -1]
    assert found.length - found.deletions + found.insertions == len(hypothesis)


@settings(deadline=None)
@given(LONG, LONG, LONG)
def test_it_is_a_metric(one, two, three):
    def d(a, b) -> int:
        return edits(a, b).errors

    assert d(one, two) == d(two, one)
    assert (d(one, two) == 0) == (one == two)
    assert d(one, three) <= d(one, two) + d(two, three)
    assert abs(len(one) - len(two)) <= d(one, two) <= max(len(one), len(two))


def test_rates_of_a_corpus_weigh_by_length():
    found = total_edits([("a", "b"), ("abcdefghi", "abcdefghi"), ("", "x")])
    assert found == Edits(1, 0, 1, 10)
    assert found.rate == pytest.approx(0.2)
    assert total_edits([]).rate == 0
    assert edits("", "xyz").rate == 3
