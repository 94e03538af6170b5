"""Optimizers against torch and a NumPy transcription."""

from __future__ import annotations

import numpy
import pytest
import torch
from torch import nn

from gatefield.training.optimizers.adam import Adam
from gatefield.training.optimizers.adamw import AdamW
from gatefield.training.optimizers.momentum import Momentum
from gatefield.training.optimizers.sgd import SGD
from gatefield.training.update_rule import UpdateRule

FLOAT64 = torch.float64


def problem() -> tuple[nn.Module, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).to(FLOAT64)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=FLOAT64))
    return model, torch.randn(7, 4, generator=generator, dtype=FLOAT64)


def run(build, rates: list[float]) -> list[torch.Tensor]:
    model, x = problem()
    optimizer = build(model)
    for rate in rates:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()
    return [parameter.detach() for parameter in model.parameters()]


def assert_equal(rule: UpdateRule, reference, rates: list[float]) -> None:
    for ours, theirs in zip(run(rule.build, rates), run(reference, rates)):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def decayed(model: nn.Module, weight_decay: float) -> list[dict]:
    weights = [parameter for name, parameter in model.named_parameters() if name.endswith("weight")]
    biases = [parameter for name, parameter in model.named_parameters() if name.endswith("bias")]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": biases, "weight_decay": 0.0}]


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_momentum_with_a_constant_rate_equals_torch(nesterov, weight_decay):
    def reference(model):
        groups = decayed(model, weight_decay)
        return torch.optim.SGD(groups, lr=0.01, momentum=0.9, nesterov=nesterov)

    assert_equal(Momentum(0.01, 0.9, nesterov, weight_decay), reference, [0.01] * 12)


def test_momentum_with_a_changing_rate_is_algorithm_8_2_and_not_torch():
    rates = [0.01, 0.02, 0.005, 0.03, 0.001]
    alpha, theta, v = 0.9, numpy.array([1.0, -2.0]), numpy.zeros(2)
    for epsilon in rates:  # Goodfellow et al. (2016), Algorithm 8.2, for the loss |theta|^4
        g = 4 * (theta @ theta) * theta
        v = alpha * v - epsilon * g
        theta = theta + v

    def final(build):
        model = nn.Linear(2, 1, bias=False).to(FLOAT64)
        with torch.no_grad():
            model.weight.copy_(torch.tensor([[1.0, -2.0]], dtype=FLOAT64))
        optimizer = build(model)
        for rate in rates:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
            model.weight.square().sum().square().backward()
            optimizer.step()
        return model.weight.detach().numpy()[0]

    numpy.testing.assert_allclose(final(Momentum(0.01, alpha).build), theta, rtol=1e-12)
    torchs = final(lambda model: torch.optim.SGD(model.parameters(), lr=0.01, momentum=alpha))
    assert abs(torchs - theta).max() > 1e-3


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize(
    ("rule", "theirs"), [(SGD, torch.optim.SGD), (Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)]
)
def test_the_others_are_torchs_with_biases_exempt_from_decay(rule, theirs, weight_decay):
    def reference(model):
        return theirs(decayed(model, weight_decay), lr=0.02)

    assert_equal(rule(learning_rate=0.02, weight_decay=weight_decay), reference, [0.02, 0.01, 0.03, 0.02])


def test_decay_spares_vectors_and_frozen_parameters_are_left_out():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2), nn.Linear(2, 2))
    model[3].requires_grad_(False)
    groups = AdamW(weight_decay=0.1).groups(model)
    assert [(group["weight_decay"], [tuple(p.shape) for p in group["params"]]) for group in groups] == [
        (0.1, [(2, 1, 3, 3), (2, 2)]),
        (0.0, [(2,), (2,), (2,), (2,)]),
    ]
