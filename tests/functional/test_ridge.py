"""Streaming ridge regression against scikit-learn, least squares, and its own limits."""

from __future__ import annotations

import itertools

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from gatefield.core.errors import ArgumentError, InputError
from gatefield.functional.ridge import NormalEquations, ridge


def data(samples: int = 60, features: int = 7, outputs: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, features, generator=source, dtype=torch.float64)
    return x, torch.randn(samples, outputs, generator=source, dtype=torch.float64)


@pytest.mark.parametrize("beta", [1e-6, 0.1, 30.0])
@pytest.mark.parametrize("features", [1, 7, 300])  # 300: more than a block of columns, and than samples
def test_agrees_with_scikit_learn(features, beta):
    x, y = data(features=features)
    expected = Ridge(alpha=beta, fit_intercept=False, solver="cholesky").fit(x.numpy(), y.numpy()).coef_
    torch.testing.assert_close(ridge(x, y, beta), torch.from_numpy(expected.reshape(2, -1)), rtol=1e-6, atol=1e-8)


def test_without_regularization_it_is_least_squares():
    x, y = data()
    torch.testing.assert_close(ridge(x, y).T, torch.linalg.lstsq(x, y).solution, rtol=1e-10, atol=1e-12)


@given(cuts=st.lists(st.integers(0, 60), max_size=6))
@settings(deadline=None, max_examples=30, derandomize=True)
def test_chunks_do_not_matter(cuts):
    x, y = data()
    equations = NormalEquations()
    edges = [0, *sorted(cuts), 60]
    for start, stop in itertools.pairwise(edges):
        equations.add(x[start:stop], y[start:stop])
    assert equations.samples == 60
    torch.testing.assert_close(equations.solve(1e-3), ridge(x, y, 1e-3), rtol=1e-10, atol=1e-12)


def test_float32_data_is_summed_in_float64():
    """At beta = 1e-8 the same equations in float32 lose the solution, or are not even positive definite."""
    source = torch.Generator().manual_seed(0)
    x = (0.7 + 0.01 * torch.randn(2000, 60, generator=source)).float()  # states near a working point, as in a reservoir
    truth = torch.randn(1, 60, generator=source)
    y = x @ truth.T
    exact = torch.linalg.lstsq(x.double(), y.double()).solution.T

    def error(W):
        return ((W - exact).norm() / exact.norm()).item()

    assert error(ridge(x, y, 1e-8)) < 1e-6
    gram = x.T @ x
    gram.diagonal().add_(1e-8)
    factor, failed = torch.linalg.cholesky_ex(gram)
    # how much is lost depends on the order in which a machine sums; that much is lost does not
    assert bool(failed) or error(torch.cholesky_solve(x.T @ y, factor).T.double()) > 1000 * error(ridge(x, y, 1e-8))


def test_an_indefinite_matrix_falls_back_to_eigenvalues():
    """Rounding makes a rank-one Gram matrix of large numbers indefinite; the smallest solution is still found."""
    column = 1e6 * torch.randn(50, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x, y = column.expand(-1, 20).contiguous(), 3 * column
    W = ridge(x, y, 1e-9)
    assert W.isfinite().all()
    torch.testing.assert_close(W, torch.full((1, 20), 3 / 20, dtype=torch.float64), rtol=1e-6, atol=1e-8)


def test_singular_equations_are_an_error_without_beta():
    x, y = data()
    for singular in (torch.cat([x, x[:, :1]], 1), x[:3], torch.ones(60, 2, dtype=torch.float64), torch.zeros_like(x)):
        with pytest.raises(InputError, match="singular") as caught:
            ridge(singular, y[: len(singular)])
        assert "beta > 0" in caught.value.hint
        assert ridge(singular, y[: len(singular)], 1e-6).isfinite().all()


def test_bad_input_adds_nothing():
    x, y = data()
    equations = NormalEquations()
    equations.add(x, y)
    poisoned = x.clone()
    poisoned[3, 2] = torch.nan
    for wrong_x, wrong_y, message in (
        (poisoned, y, "x holds NaN"),
        (x, y / 0, "y holds NaN"),
        (x[:, :3], y, "3 and 2 columns"),
        (x, y[:, :1], "7 and 1 columns"),
        (x[:5], y, "shape"),
        (x[0], y, "shape"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            equations.add(wrong_x, wrong_y)
        assert caught.value.hint
    assert torch.equal(equations.solve(0.1), ridge(x, y, 0.1))
    with pytest.raises(InputError, match="no samples"):
        NormalEquations().solve()
    for beta in (-1.0, numpy.nan):
        with pytest.raises(ArgumentError, match="beta"):
            equations.solve(beta)


def test_values_whose_sum_overflows_are_not_taken_for_infinite():
    x = torch.full((3, 1), 1e308, dtype=torch.float64)
    with pytest.raises(InputError, match=r"overflow|singular|NaN"):
        ridge(x, x)  # squares do not fit float64, which must not pass for a solution
    assert ridge(torch.ones(1, 1), torch.full((1, 1), 3e38)).item() == pytest.approx(3e38, rel=1e-6)
