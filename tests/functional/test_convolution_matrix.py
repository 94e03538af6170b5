"""The convolution as a sparse matrix, against torch's convolution and its backward pass."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.functional.convolution_matrix import convolution_matrix

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def test_the_decks_matrix():
    """Catalogue 3: a 2x2 kernel on 3x3 gives 4 rows of 9, each with the four weights."""
    matrix = convolution_matrix(torch.tensor([[[[1.0, 2], [3, 4]]]]), (3, 3))
    assert matrix.is_sparse
    assert matrix.to_dense().tolist() == [
        [1, 2, 0, 3, 4, 0, 0, 0, 0],
        [0, 1, 2, 0, 3, 4, 0, 0, 0],
        [0, 0, 0, 1, 2, 0, 3, 4, 0],
        [0, 0, 0, 0, 1, 2, 0, 3, 4],
    ]


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding", "dilation"),
    [
        ((9,), (3,), 2, 1, 1),
        ((5, 7), (3, 2), (2, 1), (1, 0), (1, 2)),
        ((4, 4), (1, 1), 3, 0, 1),
        ((3, 3), (2, 2), 1, 3, 1),
        ((3, 4, 5), (2, 2, 3), 1, 1, (1, 2, 1)),
    ],
)
def test_forward_and_backward_are_the_matrix_and_its_transpose(shape, kernel, stride, padding, dilation):
    x = torch.randn(2, 3, *shape, dtype=torch.float64, requires_grad=True)
    w = torch.randn(4, 3, *kernel, dtype=torch.float64, requires_grad=True)
    y = CONVOLUTIONS[len(shape)](x, w, None, stride, padding, dilation)
    matrix = convolution_matrix(w, shape, stride, padding, dilation)
    assert matrix.shape == (y[0].numel(), x[0].numel())
    torch.testing.assert_close((matrix @ x.flatten(1).T).T, y.flatten(1), rtol=1e-12, atol=1e-12)
    gradient = torch.randn_like(y)
    expected, of_weight = torch.autograd.grad(y, (x, w), gradient)
    by_hand = (matrix.t() @ gradient.flatten(1).T).T
    torch.testing.assert_close(by_hand, expected.flatten(1), rtol=1e-12, atol=1e-12)
    through = torch.autograd.grad((matrix @ x.flatten(1).T).T, w, gradient.flatten(1))[0]
    torch.testing.assert_close(through, of_weight, rtol=1e-12, atol=1e-12)


def test_weight_sharing():
    """Catalogue 44: as many different weights as the kernel has, wherever it lies."""
    matrix = convolution_matrix(torch.arange(1.0, 10).view(1, 1, 3, 3), (8, 8)).to_dense()
    assert sorted(matrix.unique().tolist()) == list(range(10))
    assert ((matrix > 0).sum(1) == 9).all()


def test_too_small_an_input():
    with pytest.raises(ArgumentError) as caught:
        convolution_matrix(torch.ones(1, 1, 3, 5), (4, 4))
    assert "3x5" in caught.value.hint
