"""Rectifiers against torch and the definition."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError
from gatefield.layers.layer import Layer
from gatefield.layers.rectifier import Rectifier

x = torch.linspace(-3, 3, 13, dtype=torch.float64)


@pytest.mark.parametrize("a", [0.0, -1.0, 0.01, 0.3, 1.0])
def test_the_sum_of_both_halves(a):
    assert torch.equal(Rectifier(a)(x), x.clamp(min=0) + a * x.clamp(max=0))


def test_erratum_4():
    """Catalogue 64: with the minus of deck S1, a = -1 gives z, and a = 0.01 a falling line."""
    printed = {a: x.clamp(min=0) - a * x.clamp(max=0) for a in (-1.0, 0.01)}
    assert torch.equal(printed[-1.0], x)
    assert torch.equal(Rectifier(-1.0)(x), x.abs())
    assert torch.equal(Rectifier(0.01)(x), F.leaky_relu(x, 0.01))
    assert (printed[0.01][x < 0] > 0).all()


def test_presets_are_the_three_of_the_deck():
    presets = {name: family(Layer).find(name) for name in Rectifier.presets}
    layers = {name: entry.cls(**entry.arguments) for name, entry in presets.items()}
    assert torch.equal(layers["absolute-value-rectifier"](x), x.abs())
    assert layers["parametric-rectifier"].weight.item() == 0.25
    assert len(list(layers["leaky-rectifier"].parameters())) == 0


def test_parametric_is_torch_s():
    ours, torchs = Rectifier(0.25, learned=True, channels=3), torch.nn.PReLU(3)
    z = torch.randn(2, 3, 4)
    assert torch.equal(ours(z), torchs(z))


def test_several_fixed_slopes():
    with pytest.raises(ArgumentError, match="3 slopes"):
        Rectifier(0.1, channels=3)
