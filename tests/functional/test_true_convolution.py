"""The flipped convolution against SciPy."""

from __future__ import annotations

import numpy
import pytest
import scipy.signal
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.functional.true_convolution import true_convolution


@pytest.mark.parametrize("padding", ["valid", "same", "full"])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 4), (1, 5), (4, 3)])
def test_equals_scipy(padding, kernel):
    """Catalogue 38."""
    source = numpy.random.default_rng(0)
    x, w = source.normal(size=(7, 6)), source.normal(size=kernel)
    ours = true_convolution(torch.from_numpy(x)[None, None], torch.from_numpy(w)[None, None], padding=padding)
    expected = scipy.signal.convolve2d(x, w, mode=padding)
    numpy.testing.assert_allclose(ours[0, 0].numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("axes", [1, 3])
def test_other_numbers_of_axes(axes):
    """Catalogue 40."""
    source = numpy.random.default_rng(1)
    x, w = source.normal(size=(6,) * axes), source.normal(size=(3,) * axes)
    ours = true_convolution(torch.from_numpy(x)[None, None], torch.from_numpy(w)[None, None], padding="full")
    numpy.testing.assert_allclose(ours[0, 0].numpy(), scipy.signal.convolve(x, w, method="direct"), atol=1e-12)
    with pytest.raises(ArgumentError, match="4 axes"):
        true_convolution(torch.ones(1, 1, 2, 2, 2, 2), torch.ones(1, 1, 1, 1, 1, 1))


def test_commutes_as_correlation_does_not():
    x, w = torch.randn(1, 1, 5, 5, dtype=torch.float64), torch.randn(1, 1, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(true_convolution(x, w, padding="full"), true_convolution(w, x, padding="full"))
    assert not torch.allclose(F.conv2d(x, w, padding=4), F.conv2d(w, x, padding=4))


def test_channels_groups_and_strides():
    x, w = torch.randn(2, 4, 7, 8), torch.randn(6, 2, 3, 2)
    ours = true_convolution(x, w, torch.ones(6), stride=(2, 1), dilation=(1, 2), groups=2)
    torch.testing.assert_close(ours, F.conv2d(x, w.flip(2, 3), torch.ones(6), (2, 1), 0, (1, 2), 2))
