"""Intervals from errors: the guarantee where it holds, checked by drawing; and by counting."""

from __future__ import annotations

import math

import numpy
import pytest
import torch

from gatefield.core.errors import ArgumentError
from gatefield.functional.conformal import (
    absolute_interval,
    bootstrap_interval,
    conformal_quantile,
    quantile_adjustment,
)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("n", "level"), [(9, 0.9), (19, 0.9), (20, 0.9), (99, 0.95), (10, 0.5)])
def test_rank_of_the_conformal_quantile(n, level):
    """numpy's 'higher' quantile of the n scores at ceil((n + 1) level) / n."""
    scores = draw(n)
    wanted = min(math.ceil(round((n + 1) * level, 9)), n)
    assert float(conformal_quantile(scores, level)) == sorted(scores.tolist())[wanted - 1]
    assert float(conformal_quantile(scores, level)) == numpy.quantile(
        scores.numpy(), (wanted - 1) / (n - 1), method="nearest"
    )


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_coverage_of_exchangeable_scores_is_what_is_promised(level):
    """Over many draws the coverage of one further score is ceil((n + 1) level) / (n + 1)."""
    n, trials = 19, 40000
    scores = draw(n + 1, trials)
    bound = conformal_quantile(scores[:n], level)
    reached = float((scores[n] <= bound).double().mean())
    assert reached == pytest.approx(math.ceil((n + 1) * level - 1e-9) / (n + 1), abs=0.01)
    assert reached >= level - 0.01


def test_too_few_scores_promise_nothing():
    assert math.isinf(float(conformal_quantile(draw(8), 0.9)))
    assert math.isfinite(float(conformal_quantile(draw(9), 0.9)))


def test_absolute_interval_counts():
    residuals = draw(99, 2, 3)
    lower, upper = absolute_interval(residuals, 0.9)
    assert lower.shape == (2, 3)
    inside = ((lower <= residuals) & (residuals <= upper)).sum(0)
    assert (inside == 90).all()


def test_quantile_adjustment_mends_bounds_that_are_too_narrow_or_too_wide():
    y = draw(999)
    for factor in (0.5, 1.0, 2.0, 5.0):
        lower, upper = torch.full_like(y, -factor), torch.full_like(y, factor)
        e = quantile_adjustment(y, lower, upper, 0.9)
        assert int(((lower - e <= y) & (y <= upper + e)).sum()) == 900
        assert (e < 0) == (factor > 1.7)


def test_bootstrap_interval_is_that_of_the_residuals():
    residuals = draw(4000, 3).exp()
    lower, upper = bootstrap_interval(residuals, 0.8, 20000, torch.Generator().manual_seed(1))
    assert lower.tolist() == pytest.approx(torch.quantile(residuals, 0.1, dim=0).tolist(), rel=0.05)
    assert upper.tolist() == pytest.approx(torch.quantile(residuals, 0.9, dim=0).tolist(), rel=0.05)
    again = bootstrap_interval(residuals, 0.8, 20000, torch.Generator().manual_seed(1))
    assert torch.equal(again[0], lower)


def test_nonsense_is_refused():
    for call in (
        lambda: conformal_quantile(torch.zeros(0), 0.9),
        lambda: conformal_quantile(torch.zeros(3), 1.0),
        lambda: bootstrap_interval(torch.zeros(0), 0.9, 10, torch.Generator()),
        lambda: bootstrap_interval(torch.zeros(3), 0.0, 10, torch.Generator()),
    ):
        with pytest.raises(ArgumentError) as caught:
            call()
        assert caught.value.hint
