"""Objectives against torch, NumPy transcriptions and gradients by finite differences."""

from __future__ import annotations

import numpy
import pytest
import torch
from torch.nn import functional

from gatefield.core.errors import ArgumentError
from gatefield.training.objective import objective_for
from gatefield.training.objectives.bernoulli import Bernoulli
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.objectives.mean_squared_error import MeanSquaredError
from gatefield.training.objectives.rbf import RBF


@pytest.fixture
def outputs() -> torch.Tensor:
    return torch.randn(7, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.fixture
def targets() -> torch.Tensor:
    return torch.tensor([0, 3, 1, 2, 2, 0, 3])


def test_cross_entropy_is_the_mean_of_minus_t_log_y(outputs, targets):
    y = numpy.exp(outputs.numpy()) / numpy.exp(outputs.numpy()).sum(1, keepdims=True)
    t = numpy.eye(4)[targets]
    assert CrossEntropy().loss(outputs, targets).item() == pytest.approx(-(t * numpy.log(y)).sum() / 7, rel=1e-12)
    smooth = 0.8 * t + 0.2 / 4
    expected = -(smooth * numpy.log(y)).sum() / 7
    assert CrossEntropy(0.2).loss(outputs, targets).item() == pytest.approx(expected, rel=1e-12)
    numpy.testing.assert_allclose(CrossEntropy().probabilities(outputs), y, rtol=1e-12)


def test_bernoulli_is_the_negative_log_likelihood(outputs, targets):
    p, t = 1 / (1 + numpy.exp(-outputs.numpy())), numpy.eye(4)[targets]
    expected = -(t * numpy.log(p) + (1 - t) * numpy.log(1 - p)).sum() / 7
    assert Bernoulli().loss(outputs, targets).item() == pytest.approx(expected, rel=1e-12)
    numpy.testing.assert_allclose(Bernoulli().probabilities(outputs), p, rtol=1e-12)


def test_mean_squared_error_is_half_the_mean_of_squared_distances(outputs, targets):
    expected = ((numpy.eye(4)[targets] - outputs.numpy()) ** 2).sum() / 14
    assert MeanSquaredError().loss(outputs, targets).item() == pytest.approx(expected, rel=1e-12)


def test_linear_outputs_become_the_nearest_probabilities(outputs):
    p = MeanSquaredError().probabilities(outputs)
    torch.testing.assert_close(p.sum(1), torch.ones(7, dtype=torch.float64))
    assert (p >= 0).all()
    assert torch.equal(p.argmax(1), outputs.argmax(1))
    torch.testing.assert_close(MeanSquaredError().probabilities(p), p)  # probabilities stay as they are
    # No other distribution is nearer.
    others = torch.distributions.Dirichlet(torch.full((4,), 0.5, dtype=torch.float64)).sample(torch.Size([4000]))
    nearest = torch.cdist(outputs, others).min(1).values
    assert (nearest >= (outputs - p).norm(dim=1)).all()


def test_rbf_criteria_are_equations_8_and_9(outputs, targets):
    y = outputs.square() * 20
    y_D = y.numpy()[numpy.arange(7), targets]
    assert RBF(j=None).loss(y, targets).item() == pytest.approx(y_D.mean(), rel=1e-12)
    for j in (0.1, 5.0):
        expected = (y_D + numpy.log(numpy.exp(-j) + numpy.exp(-y.numpy()).sum(1))).mean()
        assert RBF(j=j).loss(y, targets).item() == pytest.approx(expected, rel=1e-12)
    p = RBF().probabilities(y)
    torch.testing.assert_close(p, functional.softmax(-y, 1))
    assert torch.equal(p.argmax(1), y.argmin(1))


def test_rbf_stays_finite_at_large_distances(targets):
    y = torch.full((7, 4), 1e4, requires_grad=True)
    loss = RBF().loss(y, targets)
    loss.backward()
    assert loss.isfinite()
    assert y.grad is not None
    assert y.grad.isfinite().all()


def test_an_unknown_unit_is_named():
    with pytest.raises(ArgumentError, match="output unit 'sofmax'") as caught:
        objective_for("sofmax")
    assert "softmax" in caught.value.hint
