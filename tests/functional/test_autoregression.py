"""Autoregression: against statsmodels and NumPy, on series whose coefficients are known."""

from __future__ import annotations

import math

import numpy
import pytest
import torch

from gatefield.core.errors import ArgumentError
from gatefield.functional.autoregression import (
    autocovariances,
    least_squares,
    levinson_durbin,
    select_order,
    yule_walker,
)


def process(coefficients, count, seed=0, intercept=0.0, drive=None) -> torch.Tensor:
    """y_t = c + sum a_i y_(t-i) + drive_t + e_t with unit normal e, after a start of 500 steps."""
    random = numpy.random.default_rng(seed)
    order, start = len(coefficients), 500
    y = numpy.zeros(count + start)
    for t in range(order, len(y)):
        y[t] = intercept + numpy.dot(coefficients, y[t - order : t][::-1]) + random.normal()
        if drive is not None and t >= start:
            y[t] += drive[t - start]
    return torch.from_numpy(y[start:])


A = [0.6, -0.3, 0.2]


def test_coefficients_of_a_known_series_are_recovered():
    """Claim 55: to 1e-2, from a long series."""
    random = numpy.random.default_rng(1)
    x = random.normal(size=(60000, 2))
    y = process(A, 60000, intercept=2.0, drive=x @ [1.5, -0.7])
    fit = least_squares(y, 3, torch.from_numpy(x))
    assert fit.coefficients.tolist() == pytest.approx(A, abs=1e-2)
    assert fit.weights.tolist() == pytest.approx([1.5, -0.7], abs=1e-2)
    assert float(fit.intercept) == pytest.approx(2.0, abs=0.05)
    assert fit.variance == pytest.approx(1.0, abs=0.02)
    plain = process(A, 60000, intercept=2.0)
    assert yule_walker(plain, 3).coefficients.tolist() == pytest.approx(A, abs=1e-2)


def test_least_squares_equals_numpy():
    y = process(A, 60).numpy()
    rows = [[1.0, y[t - 1], y[t - 2]] for t in range(2, 60)]
    expected, *_ = numpy.linalg.lstsq(numpy.array(rows), y[2:], rcond=None)
    fit = least_squares(torch.from_numpy(y), 2)
    assert [float(fit.intercept), *fit.coefficients.tolist()] == pytest.approx(expected.tolist(), rel=1e-10)
    assert fit.residuals.numpy() == pytest.approx(y[2:] - numpy.array(rows) @ expected, abs=1e-12)


@pytest.mark.parametrize("criterion", ["aic", "bic"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_statsmodels_agrees(criterion, seed):
    models = pytest.importorskip("statsmodels.tsa.ar_model")
    y = process(A, 300, seed, intercept=1.0)
    theirs = models.AutoReg(y.numpy(), 4).fit()
    ours = least_squares(y, 4)
    assert [float(ours.intercept), *ours.coefficients.tolist()] == pytest.approx(theirs.params.tolist(), rel=1e-8)
    assert ours.forecast(y, 12).numpy() == pytest.approx(theirs.forecast(12), rel=1e-8)
    chosen = models.ar_select_order(y.numpy(), 10, ic=criterion).ar_lags or [0]
    assert select_order(y, 10, criterion) == max(chosen)


@pytest.mark.filterwarnings("ignore:yule_walker currently:FutureWarning")
def test_statsmodels_agrees_on_yule_walker():
    linear = pytest.importorskip("statsmodels.regression.linear_model")
    y = process(A, 200)
    theirs, sigma = linear.yule_walker(y.numpy(), order=5, method="mle")
    assert yule_walker(y, 5).coefficients.numpy() == pytest.approx(theirs, rel=1e-9)
    _, v = levinson_durbin(autocovariances(y, 5))
    assert math.sqrt(v[-1]) == pytest.approx(sigma, rel=1e-9)


def test_levinson_durbin_solves_the_toeplitz_system():
    r = autocovariances(process(A, 400), 8)
    matrix = torch.stack([torch.stack([r[abs(i - j)] for j in range(8)]) for i in range(8)])
    a, v = levinson_durbin(r)
    torch.testing.assert_close(a, torch.linalg.solve(matrix, r[1:]))
    torch.testing.assert_close(v[-1], r[0] - a @ r[1:])
    assert (v[1:] <= v[:-1]).all()


def test_yule_walker_is_stable_where_least_squares_is_not():
    """A growing series: the characteristic roots of Yule-Walker stay inside the unit circle."""
    y = torch.tensor([1.5**t for t in range(12)], dtype=torch.float64)
    assert float(least_squares(y, 1).coefficients) == pytest.approx(1.5)
    companion = torch.zeros(2, 2, dtype=torch.float64)
    companion[0], companion[1, 0] = yule_walker(y, 2).coefficients, 1.0
    assert torch.linalg.eigvals(companion).abs().max() < 1


def test_order_selection_equals_fitting_every_order():
    y = process(A, 120, seed=3)
    x = torch.randn(120, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    largest, n = 6, 114
    for criterion, price in (("aic", 2.0), ("bic", math.log(n))):
        scores = []
        for order in range(largest + 1):
            fit = least_squares(y[largest - order :], order, x[largest - order :])
            scores.append(n * math.log(fit.variance) + price * (order + 2))
        assert select_order(y, largest, criterion, x) == int(numpy.argmin(scores))


def test_a_sine_needs_order_two_and_is_continued_exactly():
    """y_t = 2 cos(w) y_(t-1) - y_(t-2)."""
    w = 0.37
    y = torch.sin(w * torch.arange(80, dtype=torch.float64))
    fit = least_squares(y[:60], 2)
    assert fit.coefficients.tolist() == pytest.approx([2 * math.cos(w), -1.0], abs=1e-10)
    torch.testing.assert_close(fit.forecast(y[:60], 20), y[60:], rtol=0, atol=1e-9)


def test_forecasts_of_a_batch_are_those_of_its_rows():
    y = process(A, 50)
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fit = least_squares(y, 3, x)
    rows, ahead = y.unfold(0, 10, 7), x[:20].reshape(-1, 4, 2)[:5].expand(5, 4, 2)
    together = fit.forecast(rows[:5], 4, ahead)
    for row in range(5):
        state, alone = rows[row].tolist(), []
        for t in range(4):
            value = float(fit.intercept) + sum(float(a) * state[-1 - i] for i, a in enumerate(fit.coefficients))
            alone.append(value + float(ahead[row, t] @ fit.weights))
            state.append(alone[-1])
        assert together[row].tolist() == pytest.approx(alone, rel=1e-12)


def test_simulated_futures_have_the_spread_of_the_process():
    """Var y_(T+h) = s^2 sum of psi_j^2; for AR(1), psi_j = a^j."""
    y = process([0.8], 4000)
    fit = least_squares(y, 1)
    futures = fit.simulate(y, 6, 20000, torch.Generator().manual_seed(0))
    a, s = float(fit.coefficients), fit.variance
    spread = [s * sum(a ** (2 * j) for j in range(h + 1)) for h in range(6)]
    assert futures.var(0).tolist() == pytest.approx(spread, rel=0.04)
    assert futures.mean(0).tolist() == pytest.approx(fit.forecast(y, 6).tolist(), abs=0.05)


def test_a_nonlinear_series_is_beyond_it():
    """Claim 55: the logistic map is deterministic, and no autoregression explains a tenth of it."""
    y = [0.3]
    for _ in range(999):
        y.append(4 * y[-1] * (1 - y[-1]))
    series = torch.tensor(y, dtype=torch.float64)
    assert least_squares(series, 20).variance > 0.9 * float(series.var())


def test_a_constant_series():
    y = torch.full((30,), 4.0, dtype=torch.float64)
    fit = least_squares(y, 2)
    assert fit.forecast(y, 5).tolist() == pytest.approx([4.0] * 5)
    assert select_order(y, 3) in range(4)
    with pytest.raises(ArgumentError, match="variance of the series is zero") as caught:
        yule_walker(y, 2)
    assert caught.value.hint


def test_what_does_not_fit_is_refused():
    y = process(A, 20)
    fit = least_squares(y, 2, torch.ones(20, 1))
    for call, what in (
        (lambda: least_squares(y, 10), "do not determine"),
        (lambda: least_squares(y, 1, torch.ones(19, 1)), "19 steps of inputs"),
        (lambda: select_order(y, 12), "too few"),
        (lambda: yule_walker(y, 20), "order 20"),
        (lambda: fit.forecast(y[:1], 3, torch.ones(3, 1)), "history of 1"),
        (lambda: fit.forecast(y, 3), "the inputs are none"),
        (lambda: fit.forecast(y, 3, torch.ones(2, 1)), r"\(2, 1\)"),
    ):
        with pytest.raises(ArgumentError, match=what) as caught:
            call()
        assert caught.value.hint


def test_order_zero_is_the_mean():
    y = process(A, 40)
    assert float(least_squares(y, 0).intercept) == pytest.approx(float(y.mean()))
    assert yule_walker(y, 0).forecast(y, 2).tolist() == pytest.approx([float(y.mean())] * 2)
