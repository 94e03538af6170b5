"""Costs against the number of weights and the decks' savings."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gatefield.functional.multiply_adds import (
    convolution_multiply_adds,
    convolution_weights,
    depthwise_separable_share,
    fully_connected_weights,
    locally_connected_weights,
    spatially_separable_share,
)
from gatefield.layers.depthwise_separable_convolution import DepthwiseSeparableConvolution
from gatefield.layers.spatially_separable_convolution import SpatiallySeparableConvolution
from gatefield.models.summary import summarize


@pytest.mark.parametrize(("sources", "targets", "kernel"), [(16, 32, 3), (8, 5, 5), (1, 1, 1)])
def test_depthwise_separable_savings(sources, targets, kernel):
    """1 / N + 1 / area, in weights and in multiplications alike (Howard et al. 2017)."""
    layer = DepthwiseSeparableConvolution(sources, targets, kernel, padding=kernel // 2, bias=False)
    summary = summarize(layer, (sources, 9, 11))
    share = depthwise_separable_share(targets, (kernel, kernel))
    full = convolution_multiply_adds((9, 11), sources, targets, (kernel, kernel))
    assert Fraction(summary.multiply_adds, full) == share
    assert Fraction(summary.parameters, convolution_weights(sources, targets, (kernel, kernel))) == share


def test_spatially_separable_savings():
    """Catalogue 17: 9 weights and multiplications become 6."""
    layer = SpatiallySeparableConvolution(1, 1, 3, rank=1, padding=1, bias=False)
    assert sum(p.numel() for p in layer.parameters()) == 6
    assert spatially_separable_share((3, 3)) == Fraction(6, 9)
    # the vertical kernel also runs over the columns that the horizontal one reads at the border
    assert summarize(layer, (1, 8, 8)).multiply_adds == 6 * 64


def test_sharing_and_locality():
    """Catalogue 44: LeNet-5's C1 has 150 kernel weights; unshared it would have 117,600, dense 4,816,896."""
    assert convolution_weights(1, 6, (5, 5)) == 150
    assert locally_connected_weights((28, 28), 1, 6, (5, 5)) == 117_600
    assert fully_connected_weights((32, 32), (28, 28), 1, 6) == 4_816_896


def test_groups_divide_the_cost():
    """Catalogue 51."""
    whole = convolution_multiply_adds((7, 7), 64, 128, (3, 3))
    assert convolution_multiply_adds((7, 7), 64, 128, (3, 3), groups=4) * 4 == whole
    assert convolution_weights(128, 128, (3, 3), groups=32) == 9 * 128 * 4
