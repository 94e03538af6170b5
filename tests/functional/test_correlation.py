"""The convolution of this field against torch's, above all where the kernel is a single cell."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.functional.correlation import correlation

SOURCE = torch.Generator().manual_seed(0)
TORCH = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


@pytest.mark.parametrize("kernel", [1, 2])
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), [(1, 1, 1, 1), (2, 0, 1, 2), (3, 2, 2, 1)])
def test_is_that_of_torch(kernel, axes, stride, padding, dilation, groups):
    x = torch.randn(2, 4, *(5, 6, 7)[:axes], generator=SOURCE, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 4 // groups, *[kernel] * axes, generator=SOURCE, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(6, generator=SOURCE, dtype=torch.float64, requires_grad=True)
    y = correlation(x, weight, bias, stride, padding, dilation, groups)
    expected = TORCH[axes](x, weight, bias, stride, padding, dilation, groups)
    torch.testing.assert_close(y, expected)
    for mine, theirs in zip(*(torch.autograd.grad(out.sin().sum(), (x, weight, bias)) for out in (y, expected))):
        torch.testing.assert_close(mine, theirs)


def test_each_axis_has_its_own_stride_and_padding():
    x, weight = torch.randn(2, 3, 5, 8, generator=SOURCE), torch.randn(4, 3, 1, 1, generator=SOURCE)
    expected = F.conv2d(x, weight, None, (1, 3), (2, 0))
    torch.testing.assert_close(correlation(x, weight, stride=(1, 3), padding=(2, 0)), expected)


def test_keeps_the_order_of_memory():
    x = torch.randn(3, 8, 12, 12, generator=SOURCE).to(memory_format=torch.channels_last)
    y = correlation(x, torch.randn(16, 8, 1, 1, generator=SOURCE), stride=2)
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_other_numbers_of_axes_are_refused():
    with pytest.raises(ArgumentError, match="over 4 axes"):
        correlation(torch.ones(1, 1, 2, 2, 2, 2), torch.ones(1, 1, 1, 1, 1, 1))
