"""Measures of forecasts, against scikit-learn and by hand."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import mean_absolute_error as sklearn_mae
from sklearn.metrics import mean_pinball_loss, mean_squared_error

from gatefield.core.errors import ArgumentError
from gatefield.functional.forecast_measures import (
    coverage,
    interval_width,
    mean_absolute_error,
    mean_absolute_scaled_error,
    naive_scale,
    pinball_loss,
    root_mean_squared_error,
)


@pytest.fixture
def pair():
    random = torch.Generator().manual_seed(0)
    return torch.randn(40, 3, generator=random), torch.randn(40, 3, generator=random)


def test_scikit_learn_agrees(pair):
    y, f = pair
    assert mean_absolute_error(y, f) == pytest.approx(sklearn_mae(y, f))
    assert root_mean_squared_error(y, f) == pytest.approx(math.sqrt(mean_squared_error(y, f)))
    for q in (0.05, 0.5, 0.9):
        ours = float(pinball_loss(y, f[..., None], torch.tensor([q])))
        assert ours == pytest.approx(mean_pinball_loss(y.flatten(), f.flatten(), alpha=q), rel=1e-6)


def test_the_quantile_minimizes_the_pinball_loss():
    y = torch.randn(1001, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for q in (0.1, 0.5, 0.8):
        best = torch.quantile(y, q)
        losses = [float(pinball_loss(y, (best + d).expand(1001, 1), torch.tensor([q]))) for d in (-0.1, 0.0, 0.1)]
        assert losses[1] == min(losses)


def test_pinball_gradient_is_the_share_below_minus_the_level():
    """dL/df = P(y < f) - q."""
    y = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64)
    f = torch.tensor([3.5], dtype=torch.float64, requires_grad=True)
    pinball_loss(y, f.expand(5, 1), torch.tensor([0.9], dtype=torch.float64)).backward()
    assert float(f.grad) == pytest.approx(3 / 5 - 0.9)


def test_mase_of_the_naive_forecast_in_its_own_sample_is_one():
    y = torch.randn(60, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64).cumsum(0)
    for m in (1, 7):
        assert mean_absolute_scaled_error(y[m:], y[:-m], naive_scale(y, m)) == pytest.approx(1.0)


def test_mase_of_hyndman_and_koehler_by_hand():
    training = torch.tensor([[1.0], [3.0], [2.0], [5.0]])  # steps 2, 1, 3: scale 2
    scaled = mean_absolute_scaled_error(
        torch.tensor([[6.0], [4.0]]), torch.tensor([[5.0], [7.0]]), naive_scale(training, 1)
    )
    assert scaled == pytest.approx((0.5 + 1.5) / 2)


def test_mase_of_a_constant_series_is_not_defined():
    flat = torch.full((10, 1), 3.0)
    assert mean_absolute_scaled_error(flat, flat + 1, naive_scale(flat, 1)) is None
    mixed = torch.cat([flat, torch.arange(10.0)[:, None]], 1)
    assert mean_absolute_scaled_error(mixed, mixed + 2, naive_scale(mixed, 1)) == pytest.approx(2.0)


def test_coverage_and_width():
    y = torch.tensor([0.0, 1.0, 2.0, 3.0])
    lower, upper = torch.tensor([0.0, 1.5, 0.0, 0.0]), torch.tensor([0.0, 2.0, 1.9, 4.0])
    assert coverage(y, lower, upper) == 0.5
    assert interval_width(lower, upper) == pytest.approx((0 + 0.5 + 1.9 + 4) / 4)
    assert coverage(torch.tensor([math.nan]), torch.tensor([-math.inf]), torch.tensor([math.inf])) == 0.0


def test_what_does_not_fit_is_refused():
    for call in (
        lambda: mean_absolute_error(torch.ones(2), torch.ones(3)),
        lambda: root_mean_squared_error(torch.ones(0), torch.ones(0)),
        lambda: naive_scale(torch.ones(5, 1), 5),
        lambda: naive_scale(torch.ones(5, 1), 0),
    ):
        with pytest.raises(ArgumentError) as caught:
            call()
        assert caught.value.hint
