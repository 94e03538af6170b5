"""The k best of many, with ties, against a stable sort."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.decoding.top import best_continuations, block_maxima, first_largest


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 40), st.data())
def test_the_first_of_equals(seed, rows, count, data):
    k = data.draw(st.integers(1, count))
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(-2, 3, (rows, count), generator=generator).double()
    values[values == -2] = -torch.inf
    found, indices = first_largest(values, k)
    expected, order = values.sort(dim=1, descending=True, stable=True)
    assert torch.equal(found, expected[:, :k])
    assert torch.equal(indices, order[:, :k])


@pytest.mark.parametrize("vocabulary", [1, 63, 64, 640, 1000, 2049])
@pytest.mark.parametrize("ties", [False, True])
def test_blocks_find_what_a_sort_of_everything_finds(vocabulary, ties):
    generator = torch.Generator().manual_seed(vocabulary)
    logits = torch.randn(4, 5, vocabulary, generator=generator)
    if ties:
        logits = (2 * logits).round() / 2
    scores = torch.randint(-2, 2, (4, 5), generator=generator).double()
    scores[1, 2], scores[2] = -torch.inf, -torch.inf
    k = min(12, 5 * vocabulary)
    sums, hypotheses, symbols = best_continuations(logits, block_maxima(logits), scores, 12)
    expected, order = (logits + scores[..., None]).flatten(1).sort(dim=1, descending=True, stable=True)
    assert torch.equal(sums, expected[:, :k])
    real = sums > -torch.inf
    assert torch.equal((hypotheses * vocabulary + symbols)[real], order[:, :k][real])
    assert (symbols < vocabulary).all()
