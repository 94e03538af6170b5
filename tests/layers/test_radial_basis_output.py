"""Radial basis function output against equation 7, and its codes."""

from __future__ import annotations

import numpy
import pytest
import torch

from gatefield.core.errors import ArgumentError
from gatefield.layers.rbf import RadialBasisOutput, digit_codes


def test_equation_7():
    layer = RadialBasisOutput(5, 3).double()
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    codes = layer.codes.numpy()
    expected = numpy.zeros((4, 3))
    for n, i, j in numpy.ndindex(4, 3, 5):
        expected[n, i] += (x[n, j].item() - codes[i, j]) ** 2
    torch.testing.assert_close(layer(x), torch.from_numpy(expected))


def test_a_code_is_at_distance_zero_from_its_own_class_only():
    distances = RadialBasisOutput(84, 10, "digits")(digit_codes())
    assert torch.equal(distances.argmin(1), torch.arange(10))
    assert torch.equal(distances.diagonal(), torch.zeros(10))
    # a differing cell adds (1 - -1)^2 = 4; no two digits are drawn nearly alike
    off_diagonal = distances[~torch.eye(10, dtype=torch.bool)]
    assert off_diagonal.min() >= 4 * 8


def test_codes_are_signs_and_fixed():
    layer = RadialBasisOutput(84, 10, "digits")
    assert not list(layer.parameters())
    assert set(layer.codes.flatten().tolist()) == {-1.0, 1.0}
    torch.manual_seed(1)
    first = RadialBasisOutput(6, 20).codes
    torch.manual_seed(2)
    assert torch.equal(RadialBasisOutput(6, 20).codes, first)


@pytest.mark.parametrize(("features", "classes"), [(1, 2), (3, 8), (4, 15)])
def test_random_codes_differ_even_when_all_are_needed(features, classes):
    assert len(RadialBasisOutput(features, classes).codes.unique(dim=0)) == classes


def test_impossible_codes():
    with pytest.raises(ArgumentError, match="9 different codes of 3 signs") as caught:
        RadialBasisOutput(3, 9)
    assert "at least 4" in caught.value.hint
    with pytest.raises(ArgumentError, match="10 codes of 84"):
        RadialBasisOutput(84, 26, "digits")
