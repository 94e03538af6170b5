"""Paddings against torch and their definitions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import ArgumentError
from gatefield.functional.convolution_arithmetic import Window
from gatefield.functional.padding import ceil_padding, pad_axes, padding_sides, strided_same_padding

many = settings(deadline=None, max_examples=100, derandomize=True)
SIZES, KERNELS, STRIDES, DILATIONS = st.integers(1, 30), st.integers(1, 7), st.integers(1, 5), st.integers(1, 4)


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch's, where it copies the input
@many
@given(SIZES, KERNELS, DILATIONS)
def test_same_is_torch_s(size, kernel, dilation):
    x, w = torch.randn(1, 1, size, dtype=torch.float64), torch.randn(1, 1, kernel, dtype=torch.float64)
    ours = F.conv1d(pad_axes(x, [padding_sides("same", kernel, dilation)]), w, dilation=dilation)
    torch.testing.assert_close(ours, F.conv1d(pad_axes(x, [(0, 0)]), w, padding="same", dilation=dilation))


@many
@given(SIZES, KERNELS, DILATIONS)
def test_sizes(size, kernel, dilation):
    reach = dilation * (kernel - 1)
    lengths = {"valid": max(size - reach, 0), "same": size, "full": size + reach, "causal": size}
    for name, length in lengths.items():
        window = Window(kernel, padding=padding_sides(name, kernel, dilation), dilation=dilation)
        assert window.output_size(size) == length
    assert padding_sides("causal", kernel, dilation) == (reach, 0)


@many
@given(SIZES, KERNELS, STRIDES, DILATIONS)
def test_strided_same_is_the_least_that_reaches_the_ceiling(size, kernel, stride, dilation):
    before, after = strided_same_padding(size, kernel, stride, dilation)
    window = Window(kernel, stride, (before, after), dilation)
    assert window.output_size(size) == -(-size // stride)
    assert 0 <= after - before <= 1
    if after:
        assert Window(kernel, stride, (before, after - 1), dilation).output_size(size) < -(-size // stride)


@many
@given(SIZES, KERNELS, STRIDES, st.integers(0, 3))
def test_ceil_mode_is_one_sided_padding(size, kernel, stride, padding):
    padding = min(padding, kernel // 2)
    if size + 2 * padding < kernel:
        return
    x = torch.randn(1, 1, size)
    expected = F.max_pool1d(x, kernel, stride, padding, ceil_mode=True)
    sides = ceil_padding(size, kernel, stride, padding)
    assert torch.equal(F.max_pool1d(pad_axes(x, [sides], -torch.inf), kernel, stride), expected)


def test_the_first_pair_belongs_to_the_first_axis():
    """Catalogue 42: one-sided padding."""
    x = torch.ones(1, 1, 2, 3)
    padded = pad_axes(x, [(0, 1), (2, 0)], value=7)
    assert padded[0, 0].tolist() == [[7, 7, 1, 1, 1], [7, 7, 1, 1, 1], [7, 7, 7, 7, 7]]
    with pytest.raises(ArgumentError, match="1 pairs"):
        pad_axes(x, [(0, 1)])
