"""Activation functions by name, and first weights."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gatefield.layers.activation import ActivationName, activation_module
from gatefield.layers.initialization import initialize
from gatefield.layers.scaled_tanh import ScaledTanh

FORMULAS = {
    "relu": lambda x: x.clamp(min=0),
    "leaky-relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "gelu": lambda x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2))),
    "tanh": lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
    "scaled-tanh": lambda x: 1.7159 * torch.tanh(2 * x / 3),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
}


@pytest.mark.parametrize("name", get_args(ActivationName))
def test_activation_is_its_formula(name):
    x = torch.linspace(-4, 4, 101, dtype=torch.float64)
    torch.testing.assert_close(activation_module(name)(x), FORMULAS[name](x))
    assert activation_module(name) is not activation_module(name)


def test_scaled_tanh_keeps_one_and_bends_most_there():
    """Appendix A: f(1) = 1, f(-1) = -1, and the second derivative is greatest at 1."""
    x = torch.tensor([1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(ScaledTanh()(x), x, rtol=0, atol=1e-4)
    x = torch.linspace(0, 3, 3001, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(ScaledTanh()(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert abs(x[second.abs().argmax()].item() - 1) < 0.02


def test_first_weights():
    """Catalogue 119."""
    torch.manual_seed(0)
    layer = nn.Linear(400, 100)
    initialize(layer, "he")
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert not layer.bias.any()
    initialize(layer, "xavier")
    bound = math.sqrt(6 / 500)
    assert 0.99 * bound < layer.weight.abs().max() <= bound
    initialize(layer, "lecun")
    assert layer.weight.std().item() == pytest.approx(math.sqrt(1 / 400), rel=0.02)
    initialize(layer, "normal")
    assert layer.weight.std().item() == pytest.approx(0.01, rel=0.02)
    initialize(layer, "zero")
    assert not layer.weight.any()


def test_he_keeps_the_size_of_activations_through_depth_and_small_numbers_do_not():
    torch.manual_seed(0)
    sizes = {}
    for scheme in ("he", "normal"):
        x = torch.randn(64, 256)
        for _ in range(10):
            layer = nn.Linear(256, 256)
            initialize(layer, scheme)
            x = F.relu(layer(x))
        sizes[scheme] = x.square().mean().sqrt().item()
    assert 0.3 < sizes["he"] < 3
    assert sizes["normal"] < 1e-6
