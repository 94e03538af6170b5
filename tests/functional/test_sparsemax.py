"""Sparsemax against the paper's algorithm in NumPy, the projection it is, and its exact gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.functional.sparsemax import sparsemax


def transcription(z: np.ndarray) -> np.ndarray:
    """Algorithm 1 of Martins and Astudillo (2016), row by row."""
    result = np.zeros_like(z)
    for row, values in enumerate(z):
        ordered = sorted(values, reverse=True)
        k = max(k for k in range(1, len(ordered) + 1) if 1 + k * ordered[k - 1] > sum(ordered[:k]))
        tau = (sum(ordered[:k]) - 1) / k
        result[row] = [max(value - tau, 0) for value in values]
    return result


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.lists(st.floats(-5, 5), min_size=4, max_size=4), min_size=1, max_size=3),
    scale=st.sampled_from([0.01, 1.0, 100.0]),
)
def test_is_the_algorithm_of_the_paper(rows, scale):
    z = scale * np.array(rows)
    np.testing.assert_allclose(sparsemax(torch.tensor(z)).numpy(), transcription(z), atol=1e-10)


def test_is_the_nearest_point_of_the_simplex():
    """No other distribution is nearer: the inner product with every vertex tells (a projection on a convex set)."""
    z = torch.randn(50, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2
    p = sparsemax(z)
    torch.testing.assert_close(p.sum(1), torch.ones(50, dtype=torch.float64))
    vertices = torch.eye(7, dtype=torch.float64)
    assert (((z - p)[:, None] * (vertices - p[:, None])).sum(2) <= 1e-12).all()
    assert (p == 0).any()


def test_examples_of_the_paper():
    """Two scores: a ramp, clipped to [0, 1] (figure 1); the uniform distribution of equal scores."""
    t = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], dtype=torch.float64)
    found = sparsemax(torch.stack([t, torch.zeros_like(t)], 1))[:, 0]
    torch.testing.assert_close(found, ((t + 1) / 2).clamp(0, 1))
    torch.testing.assert_close(sparsemax(torch.full((5,), 3.0)), torch.full((5,), 0.2))


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_any_axis(dim):
    z = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = sparsemax(z.movedim(dim, -1)).movedim(-1, dim)
    torch.testing.assert_close(sparsemax(z, dim), expected)


def test_the_gradient_is_exact_to_second_order():
    z = torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    assert torch.autograd.gradcheck(sparsemax, (z,))
    assert torch.autograd.gradgradcheck(sparsemax, (z,))


def test_lowest_scores_get_nothing():
    z = torch.tensor([[1.0, torch.finfo(torch.float32).min, 0.8], [2.0, -torch.inf, -torch.inf]])
    torch.testing.assert_close(sparsemax(z), torch.tensor([[0.6, 0.0, 0.4], [1.0, 0.0, 0.0]]))


def test_large_scores_lose_no_digits():
    z = torch.tensor([[1e6, 1e6 - 0.5, 0.0]])
    torch.testing.assert_close(sparsemax(z), torch.tensor([[0.75, 0.25, 0.0]]))


def test_nothing_and_nan():
    assert sparsemax(torch.zeros(3, 0)).shape == (3, 0)
    assert sparsemax(torch.zeros(0, 3)).shape == (0, 3)
    found = sparsemax(torch.tensor([[torch.nan, 1.0], [0.0, 1.0]]))
    assert found[0].isnan().any()
    assert not found[1].isnan().any()
