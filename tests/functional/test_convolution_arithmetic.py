"""Sizes against torch itself."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gatefield.core.errors import ArgumentError
from gatefield.functional.convolution_arithmetic import Window, stack_output_shape, transposed_output_size

SIZES, KERNELS, STRIDES, PADDINGS, DILATIONS = (
    st.integers(1, 30),
    st.integers(1, 7),
    st.integers(1, 5),
    st.integers(0, 4),
    st.integers(1, 4),
)
many = settings(deadline=None, max_examples=150, derandomize=True)


def size_by_torch(compute) -> int:
    """Length of what ``compute`` returns; 0 where torch says that nothing is left."""
    try:
        return compute().shape[-1]
    except RuntimeError as error:
        if "size" not in str(error):
            raise
        return 0


@many
@given(SIZES, KERNELS, STRIDES, PADDINGS, PADDINGS, DILATIONS)
def test_convolution_with_one_sided_padding_as_in_torch(size, kernel, stride, before, after, dilation):
    """Catalogue 11 and 42."""
    window = Window(kernel, stride, (before, after), dilation)
    x, w = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    assert window.output_size(size) == size_by_torch(
        lambda: F.conv1d(F.pad(x, (before, after)), w, stride=stride, dilation=dilation)
    )


@many
@given(SIZES, KERNELS, STRIDES, PADDINGS, DILATIONS, st.booleans())
def test_pooling_as_in_torch(size, kernel, stride, padding, dilation, ceil_mode):
    assume(padding <= kernel // 2)
    window = Window(kernel, stride, padding, dilation, ceil_mode)
    x = torch.zeros(1, 1, 1, size)
    kernels = ((1, kernel), (1, stride), (0, padding), (1, dilation), ceil_mode)
    assert window.output_size(size) == size_by_torch(lambda: F.max_pool2d(x, *kernels))


@many
@given(SIZES, KERNELS, STRIDES, PADDINGS, st.integers(0, 4), DILATIONS)
def test_transposed_convolution_as_in_torch(size, kernel, stride, padding, extra, dilation):
    assume(extra < max(stride, dilation))
    expected = transposed_output_size(size, kernel, stride, padding, extra, dilation)
    assume(expected > 0)
    x, w = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    y = F.conv_transpose1d(x, w, stride=stride, padding=padding, output_padding=extra, dilation=dilation)
    assert y.shape[-1] == expected


@many
@given(st.integers(1, 8), KERNELS, STRIDES, PADDINGS, PADDINGS, DILATIONS, st.booleans())
def test_the_smallest_input_is_the_smallest(output, kernel, stride, before, after, dilation, ceil_mode):
    assume(not ceil_mode or max(before, after) <= kernel // 2)  # as torch's poolings demand
    window = Window(kernel, stride, (before, after), dilation, ceil_mode)
    smallest = window.smallest_input(output)
    assert window.output_size(smallest) >= output
    assert smallest == 1 or window.output_size(smallest - 1) < output


def test_sizes_of_the_decks():
    """Catalogue 11: 3x3 on 7x7 leaves 5x5 at stride 1, 3x3 at stride 2; 16: 2x2 transposed makes 3x3 and 4x4 of 2x2."""
    assert [Window(3, stride).output_size(7) for stride in (1, 2)] == [5, 3]
    assert [transposed_output_size(2, 2, stride) for stride in (1, 2)] == [3, 4]


def test_a_stack_that_leaves_nothing_names_the_smallest_input():
    windows = [Window(5), Window(2, stride=2), Window(5), Window(2, stride=2)]
    assert stack_output_shape((32, 28), windows) == (5, 4)
    assert stack_output_shape((16, 16), windows) == (1, 1)
    with pytest.raises(ArgumentError, match="15x40") as caught:
        stack_output_shape((15, 40), windows)
    assert "16x16" in caught.value.hint
