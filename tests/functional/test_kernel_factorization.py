"""Separable kernels and convolutions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.functional.kernel_factorization import factorize_kernel, kernel_rank, separate_convolution
from gatefield.layers.spatially_separable_convolution import SpatiallySeparableConvolution

LAPLACE = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
SOBEL = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def test_sobel():
    """Catalogue 17."""
    column, row = factorize_kernel(SOBEL)
    assert column.tolist() == [1, 2, 1]
    assert row.tolist() == [-1, 0, 1]


@pytest.mark.parametrize(("height", "width"), [(3, 3), (5, 2), (1, 4), (7, 7)])
def test_any_product_comes_apart(height, width):
    source = torch.Generator().manual_seed(height)
    column, row = (torch.randn(n, generator=source, dtype=torch.float64) for n in (height, width))
    kernel = torch.outer(column, row)
    assert kernel_rank(kernel) == 1
    torch.testing.assert_close(torch.outer(*factorize_kernel(kernel)), kernel)


@pytest.mark.parametrize("kernel", [torch.eye(3), torch.zeros(3, 3), LAPLACE])
def test_others_do_not(kernel):
    with pytest.raises(ArgumentError, match=f"rank {kernel_rank(kernel)}"):
        factorize_kernel(kernel)


def test_rank_of_a_laplacian():
    assert kernel_rank(LAPLACE) == 2
    assert kernel_rank(torch.eye(5)) == 5


def test_convolutions_at_full_rank_and_below():
    source = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 3, 3, 3, generator=source, dtype=torch.float64)
    x = torch.randn(2, 3, 8, 9, generator=source, dtype=torch.float64)
    errors = []
    for rank in (1, 4, 9):
        vertical, horizontal = separate_convolution(weight, rank)
        errors.append((F.conv2d(F.conv2d(x, vertical), horizontal) - F.conv2d(x, weight)).norm().item())
        together = torch.einsum("kiv,okh->oivh", vertical.squeeze(3), horizontal.squeeze(2))
        singular = torch.linalg.svdvals(weight.permute(1, 2, 0, 3).reshape(9, 15))
        torch.testing.assert_close((together - weight).norm(), singular[rank:].norm(), rtol=1e-9, atol=1e-12)
    assert errors[0] > errors[1] > 1e-3
    assert errors[2] < 1e-12
    with pytest.raises(ArgumentError, match="outside"):
        separate_convolution(weight, 10)


def test_the_layer_takes_a_convolution_over():
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1)
    x = torch.randn(2, 3, 7, 9)
    layer = SpatiallySeparableConvolution.from_convolution(convolution, 9)
    torch.testing.assert_close(layer(x), convolution(x), rtol=1e-5, atol=1e-5)
    others = [{"groups": 3}, {"padding": "same"}, {"stride": (1, 2)}, {"dilation": 2}, {"padding_mode": "circular"}]
    for other in others:
        with pytest.raises(ArgumentError, match="separated"):
            SpatiallySeparableConvolution.from_convolution(torch.nn.Conv2d(3, 3, 3, **other), 2)
