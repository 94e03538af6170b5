"""Smoothed n-grams: a calculation by hand, a transcription with dictionaries, and probabilities that sum to 1."""

from __future__ import annotations

import collections
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import ArgumentError
from gatefield.functional.ngrams import NGrams


def witten_bell(text: list[int], vocabulary: int, context: tuple[int, ...], symbol: int) -> float:
    """The equation, with dictionaries, by recursion: p(symbol | context)."""
    k = len(context)
    shorter = witten_bell(text, vocabulary, context[1:], symbol) if k else 1 / vocabulary
    after = collections.Counter(text[t] for t in range(k, len(text)) if tuple(text[t - k : t]) == context)
    n, kinds = sum(after.values()), len(after)
    return (after[symbol] + kinds * shorter) / (n + kinds) if n else shorter


def test_by_hand():
    models = NGrams(torch.tensor([0, 1, 0, 1, 0]), 3, 1)
    # n(0) = 3, n(1) = 2, two kinds of five; after 0 there is always 1, twice; 2 never occurs
    frequency = [(3 + 2 / 3) / 7, (2 + 2 / 3) / 7, (2 / 3) / 7]
    found = models.log_probabilities(torch.tensor([0, 1, 1, 2, 1])).exp()
    torch.testing.assert_close(found[0], torch.tensor([frequency[s] for s in (0, 1, 1, 2, 1)], dtype=torch.float64))
    expected = [frequency[0], (2 + frequency[1]) / 3, frequency[1] / 3, frequency[2] / 3, frequency[1]]
    torch.testing.assert_close(found[1], torch.tensor(expected, dtype=torch.float64))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 3), max_size=25),
    st.lists(st.integers(0, 3), max_size=8),
    st.integers(0, 3),
)
def test_is_the_equation(train, text, history):
    found = NGrams(torch.tensor(train, dtype=torch.int64), 4, history).log_probabilities(
        torch.tensor(text, dtype=torch.int64)
    )
    assert found.shape == (history + 1, len(text))
    for k in range(history + 1):
        for t, symbol in enumerate(text):
            context = tuple(text[max(0, t - k) : t])
            assert float(found[k, t]) == pytest.approx(math.log(witten_bell(train, 4, context, symbol)), abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 4), max_size=30), st.lists(st.integers(0, 4), max_size=6), st.integers(0, 4))
def test_sums_to_one(train, context, history):
    models = NGrams(torch.tensor(train, dtype=torch.int64), 5, history)
    p = models.distribution(torch.tensor(context, dtype=torch.int64))
    assert float(p.sum()) == pytest.approx(1, abs=1e-12)
    assert (p > 0).all()


def test_long_histories_do_not_overflow():
    """A context is a number among those that occur: 30,000 symbols to the power of 6 would not fit 64 bits."""
    text = torch.randint(30_000, (500,), generator=torch.Generator().manual_seed(0))
    text = torch.cat([text, text])
    found = NGrams(text, 30_000, 6).log_probabilities(text)
    assert found.isfinite().all()
    assert float(found[6, 600:].mean()) > float(found[1, 600:].mean()) > float(found[0, 600:].mean())


def test_refuses_what_is_no_symbol():
    with pytest.raises(ArgumentError, match="symbols from 0 to 3 in a vocabulary of 3") as caught:
        NGrams(torch.tensor([0, 3]), 3, 1)
    assert caught.value.hint
    with pytest.raises(ArgumentError, match="history of -1"):
        NGrams(torch.tensor([0]), 3, -1)
    with pytest.raises(ArgumentError, match="symbols from -1"):
        NGrams(torch.tensor([0]), 3, 1).log_probabilities(torch.tensor([-1, 2]))
