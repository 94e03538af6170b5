"""Local response normalization against the paper's loop and torch."""

from __future__ import annotations

import numpy
import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.layers.local_response_normalization import LocalResponseNormalization


def paper(a: numpy.ndarray, n: int, alpha: float, beta: float, k: float) -> numpy.ndarray:
    """Section 3.3, with N channels: j from max(0, i - n/2) to min(N - 1, i + n/2)."""
    b = numpy.empty_like(a)
    N = a.shape[1]
    for i in range(N):
        near = a[:, max(0, i - n // 2) : min(N - 1, i + n // 2) + 1]
        b[:, i] = a[:, i] / (k + alpha * (near**2).sum(1)) ** beta
    return b


@pytest.mark.parametrize(("channels", "size"), [(8, 5), (3, 5), (1, 3), (6, 1), (7, 9)])
def test_equals_the_paper(channels, size):
    x = torch.randn(2, channels, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours = LocalResponseNormalization(size, alpha=0.3, beta=0.6, k=1.5)(x)
    torch.testing.assert_close(ours, torch.from_numpy(paper(x.numpy(), size, 0.3, 0.6, 1.5)), rtol=1e-13, atol=1e-13)


def test_conventions():
    """torch and Caffe divide alpha by the size, the paper does not."""
    x = torch.randn(2, 9, 4, 4, dtype=torch.float64)
    torchs = torch.nn.LocalResponseNorm(5, alpha=0.1, beta=0.75, k=2.0)(x)
    torch.testing.assert_close(LocalResponseNormalization(5, 0.1, convention="caffe")(x), torchs, rtol=1e-12, atol=0)
    torch.testing.assert_close(LocalResponseNormalization(5, 0.1 / 5)(x), torchs, rtol=1e-12, atol=0)
    assert not torch.allclose(LocalResponseNormalization(5, 0.1)(x), torchs)
    preset = LocalResponseNormalization(**LocalResponseNormalization.presets["local-response-normalization-caffe"])
    torch.testing.assert_close(preset(x), torch.nn.LocalResponseNorm(5)(x), rtol=1e-12, atol=0)


def test_the_order_matters():
    """Erratum 16: the paper normalizes, then pools; Caffe and the decks pool first."""
    x = 10 * torch.randn(1, 6, 9, 9, generator=torch.Generator().manual_seed(0))
    layer = LocalResponseNormalization(alpha=0.1)
    paper_order, caffe_order = F.max_pool2d(layer(x), 3, 2), layer(F.max_pool2d(x, 3, 2))
    assert paper_order.shape == caffe_order.shape
    assert not torch.allclose(paper_order, caffe_order)
    single = LocalResponseNormalization(1, alpha=0.0)  # without neighbors and alpha the order is free
    torch.testing.assert_close(F.max_pool2d(single(x), 3, 2), single(F.max_pool2d(x, 3, 2)))


def test_infinite_values_stay_near():
    x = torch.ones(1, 9, 1, 1)
    x[0, 0] = torch.inf
    y = LocalResponseNormalization()(x).flatten()
    assert y[0].isnan()
    assert y[1:3].tolist() == [0, 0]
    assert (y[3:] > 0).all()


def test_an_even_size():
    with pytest.raises(ArgumentError, match="middle"):
        LocalResponseNormalization(4)
