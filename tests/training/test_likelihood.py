"""The likelihood of targets, however the output layer comes by it."""

from __future__ import annotations

import pytest
import torch

from gatefield.functional.target_likelihood import TargetLikelihood
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.objectives.likelihood import Likelihood

Z = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TARGETS = torch.tensor([[1, 2, -100], [0, -100, 3]])


def log_softmax_at(z: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return z.log_softmax(1).gather(1, targets[:, None])[:, 0]


def test_is_cross_entropy_where_the_layer_is_a_softmax():
    expected = CrossEntropy().loss(Z, TARGETS)
    torch.testing.assert_close(Likelihood().loss(TargetLikelihood(Z, log_softmax_at), TARGETS), expected)
    torch.testing.assert_close(Likelihood().loss(Z, TARGETS), expected)
    torch.testing.assert_close(Likelihood().loss(Z.log_softmax(-1), TARGETS), expected)
    assert Likelihood().correct(Z, TARGETS) == CrossEntropy().correct(Z, TARGETS)


def test_asks_for_no_target_that_does_not_count():
    asked = []

    def log_p(h: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        asked.append((h, targets))
        return h.sum(1)

    loss = Likelihood().loss(TargetLikelihood(Z, log_p), TARGETS)
    ((h, targets),) = asked
    assert targets.tolist() == [1, 2, 0, 3]
    assert torch.equal(h, Z[TARGETS >= 0])
    assert loss.item() == pytest.approx(-Z[TARGETS >= 0].sum(1).mean().item())
