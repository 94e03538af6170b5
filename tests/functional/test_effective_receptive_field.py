"""Receptive fields by gradient."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.functional.effective_receptive_field import effective_receptive_field, effective_size, support


def layers(depth):
    kernel = torch.ones(1, 1, 3, 3) / 9

    def function(x):
        for _ in range(depth):
            x = F.conv2d(x, kernel, padding=1)
        return x

    return function


def test_uniform_layers_give_the_binomial_of_the_paper():
    """Luo et al. (2016), section 3.1: n layers of ones give the coefficients of (1 + t + t^2)^n along each axis."""
    coefficients = torch.ones(1)
    for _ in range(6):
        coefficients = F.conv1d(coefficients.view(1, 1, -1), torch.ones(1, 1, 3), padding=2).flatten()
    field = effective_receptive_field(layers(6), torch.randn(2, 1, 31, 31))
    expected = torch.outer(coefficients, coefficients)
    torch.testing.assert_close(field[9:22, 9:22], expected / expected.max())
    assert support(field) == (13, 13)


def test_it_is_smaller_than_the_theoretical_and_grows_with_the_root_of_depth():
    sizes = []
    for depth in (5, 20):
        field = effective_receptive_field(layers(depth), torch.randn(1, 1, 61, 61))
        assert support(field, 1e-30) == (2 * depth + 1,) * 2
        sizes.append(effective_size(field))
        assert sizes[-1] < 2 * depth + 1
    assert sizes[1] / sizes[0] == pytest.approx(2, rel=0.1)


def test_a_unit_elsewhere_and_one_that_is_not_there():
    field = effective_receptive_field(layers(1), torch.randn(1, 1, 9, 9), (0, 8))
    assert field.nonzero().tolist() == [[0, 7], [0, 8], [1, 7], [1, 8]]
    with pytest.raises(ArgumentError) as caught:
        effective_receptive_field(layers(1), torch.randn(1, 1, 9, 9), (9, 0))
    assert "9x9" in caught.value.hint


def test_nothing_reaches_the_unit():
    field = effective_receptive_field(lambda x: x * 0, torch.randn(1, 1, 5, 5))
    assert not field.any()
    assert support(field) == (0, 0)
