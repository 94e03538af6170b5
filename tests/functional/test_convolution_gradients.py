"""Gradients by hand against autograd (catalogue 54, 56, 59)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.functional.convolution_gradients import (
    average_pooling_gradient,
    convolution_input_gradient,
    convolution_weight_gradient,
)
from gatefield.functional.switches import max_pool_with_switches, unpool_by_switches

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
exact = {"rtol": 1e-12, "atol": 1e-12}


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding", "dilation"),
    [
        ((9,), (3,), 1, 0, 1),
        ((10,), (3,), 2, 1, 2),
        ((7, 6), (3, 2), 1, 1, 1),
        ((8, 9), (3, 3), (2, 3), (1, 0), (1, 2)),
        ((6, 6), (1, 1), 2, 2, 1),  # more padding than the kernel reaches
        ((4, 5, 6), (2, 3, 2), (1, 2, 2), 1, 1),
    ],
)
def test_convolution(shape, kernel, stride, padding, dilation):
    x = torch.randn(2, 3, *shape, dtype=torch.float64, requires_grad=True)
    w = torch.randn(4, 3, *kernel, dtype=torch.float64, requires_grad=True)
    y = CONVOLUTIONS[len(shape)](x, w, None, stride, padding, dilation)
    gradient = torch.randn_like(y)
    of_x, of_w = torch.autograd.grad(y, (x, w), gradient)
    by_hand = convolution_input_gradient(gradient, w, shape, stride, padding, dilation)
    torch.testing.assert_close(by_hand, of_x, **exact)
    by_hand = convolution_weight_gradient(gradient, x, kernel, stride, padding, dilation)
    torch.testing.assert_close(by_hand, of_w, **exact)


def test_the_decks_sum():
    """dL/da_i = sum over j of dL/dnet_(i-j+1) w_j, term by term."""
    a = torch.randn(7, dtype=torch.float64)
    w, gradient = torch.randn(3, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    expected = torch.zeros_like(a)
    for i in range(1, 8):
        for j in range(1, 4):
            if 1 <= i - j + 1 <= 5:
                expected[i - 1] += gradient[i - j] * w[j - 1]
    ours = convolution_input_gradient(gradient.view(1, 1, -1), w.view(1, 1, -1), (7,))
    torch.testing.assert_close(ours.flatten(), expected, **exact)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1), (2, 3)])
@pytest.mark.parametrize("shape", [(9,), (7, 8), (5, 6, 7)])
def test_pooling(kernel, stride, shape):
    """The maximum routes a gradient to its switch, the mean shares it out; overlapping windows add up."""
    means = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}[len(shape)]
    x = torch.randn(2, 3, *shape, dtype=torch.float64, requires_grad=True)
    y, switches = max_pool_with_switches(x, kernel, stride)
    gradient = torch.randn_like(y)
    (expected,) = torch.autograd.grad(y, x, gradient)
    torch.testing.assert_close(unpool_by_switches(gradient, switches, shape), expected, **exact)
    (expected,) = torch.autograd.grad(means(x, kernel, stride), x, gradient)
    torch.testing.assert_close(average_pooling_gradient(gradient, shape, kernel, stride), expected, **exact)
