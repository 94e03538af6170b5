"""The bi-scale cell is its equations, and its slow layer rests where the fast one signals no boundary."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gatefield.core.errors import ArgumentError
from gatefield.recurrent import Recurrent
from gatefield.recurrent.cells.bi_scale import BiScale


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def test_is_its_equations():
    torch.manual_seed(0)
    cell = BiScale(3, 4).double()
    w = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    x = torch.randn(1, 6, 3, dtype=torch.float64)
    h1, h2, g1, g2 = np.zeros((4, 2))
    output, _ = Recurrent(cell)(x)
    for t in range(6):
        a = w["W_1"] @ x[0, t].numpy() + w["U_1"] @ np.concatenate([(1 - g1) * h1, g1 * h2]) + w["b_1"]
        g1, h1 = sigmoid(a[:2]), np.tanh(a[2:])
        a = w["W_2"] @ x[0, t].numpy() + w["U_2"] @ np.concatenate([g1 * h1, (1 - g2) * h2]) + w["b_2"]
        g2, h2 = sigmoid(a[:2]), (1 - g1) * h2 + g1 * np.tanh(a[2:])
        np.testing.assert_allclose(output[0, t].detach().numpy(), np.concatenate([h1, h2]), atol=1e-12)


def test_the_slow_layer_rests_between_boundaries():
    torch.manual_seed(0)
    cell = BiScale(3, 4)
    with torch.no_grad():
        cell.b_1[:2] = -50.0  # never a boundary
    before = (torch.randn(2, 4), torch.zeros(2, 4))
    after, _ = cell.step(torch.randn(2, 3), before)
    torch.testing.assert_close(after[:, 2:], before[0][:, 2:])
    assert not torch.equal(after[:, :2], before[0][:, :2])


def test_takes_a_fast_path():
    layer = Recurrent(BiScale(3, 4))
    (path,) = layer.fast_path(torch.randn(2, 5, 3))
    assert path.path in {"native", "torch"}


def test_an_odd_number_of_units():
    with pytest.raises(ArgumentError, match="5 units cannot be divided"):
        BiScale(3, 5)
