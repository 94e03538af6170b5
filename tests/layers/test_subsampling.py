"""Trainable sub-sampling against a transcription of the paper."""

from __future__ import annotations

import numpy
import pytest
import torch
import torch.nn.functional as F

from gatefield.layers.subsampling import SubSampling


def paper(x: numpy.ndarray, weight: numpy.ndarray, bias: numpy.ndarray, side: int) -> numpy.ndarray:
    """Section II.B: "the four inputs to a unit in S2 are added, then multiplied by a trainable coefficient, and added
    to a trainable bias"."""
    count, maps, height, width = x.shape
    y = numpy.empty((count, maps, height // side, width // side))
    for n, c, i, j in numpy.ndindex(y.shape):
        total = 0.0
        for row in range(side):
            for column in range(side):
                total += x[n, c, i * side + row, j * side + column]
        y[n, c, i, j] = weight[c] * total + bias[c]
    return y


@pytest.mark.parametrize(("side", "shape"), [(2, (3, 4, 6)), (2, (2, 5, 7)), (3, (2, 9, 7)), (1, (1, 2, 3))])
def test_equals_the_paper(side, shape):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    layer = SubSampling(shape[0], side).double()
    with torch.no_grad():
        layer.weight.normal_(generator=generator)
        layer.bias.normal_(generator=generator)
    expected = paper(x.numpy(), layer.weight.detach().numpy(), layer.bias.detach().numpy(), side)
    torch.testing.assert_close(layer(x).detach(), torch.from_numpy(expected), rtol=1e-12, atol=1e-12)


def test_starts_as_average_pooling():
    x = torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(SubSampling(3)(x).detach(), F.avg_pool2d(x, 2))
