"""Receptive fields against what the gradient of one unit touches."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.functional.convolution_arithmetic import Window
from gatefield.functional.receptive_field import ReceptiveField


def support(compute, size: int, index: int) -> torch.Tensor:
    """The input cells that reach unit ``index`` of ``compute(x)``."""
    x = torch.ones(1, 1, size, dtype=torch.float64, requires_grad=True)
    compute(x)[0, 0, index].backward()
    return x.grad[0, 0].nonzero().flatten()


@st.composite
def windows(draw):
    kernel = draw(st.integers(1, 5))
    return Window(kernel, draw(st.integers(1, 3)), draw(st.integers(0, 2)), draw(st.integers(1, 3)))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(windows(), max_size=4))
def test_size_and_place_are_those_of_the_gradient(stack):
    field, size = ReceptiveField(), 700

    def compute(x):
        for window in stack:
            w = torch.ones(1, 1, window.kernel, dtype=x.dtype)
            x = F.conv1d(x, w, stride=window.stride, padding=window.padding, dilation=window.dilation)
        return x

    for window in stack:
        field = field.through(window)
    outputs = compute(torch.ones(1, 1, size, dtype=torch.float64)).shape[-1]
    touched = support(compute, size, outputs // 2)
    center = field.start + outputs // 2 * field.jump
    assert touched[-1] - touched[0] + 1 == field.size
    assert (touched[-1] + touched[0]).item() / 2 == center


@pytest.mark.parametrize(("dilations", "size"), [([1], 3), ([1, 2], 7), ([1, 2, 4], 15)])
def test_dilated_convolutions_of_the_decks(dilations, size):
    """Catalogue 15: 1-, 2- and 4-dilated 3x3 convolutions see 3x3, 7x7 and 15x15 (Yu and Koltun 2016, figure 1)."""
    field = ReceptiveField()
    for dilation in dilations:
        field = field.through(Window(3, dilation=dilation))
    assert field.size == size

    def compute(x):
        for dilation in dilations:
            x = F.conv1d(x, torch.ones(1, 1, 3, dtype=x.dtype), dilation=dilation, padding=dilation)
        return x

    assert len(support(compute, 41, 20)) == size


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(1, 7), st.integers(1, 4), st.integers(1, 4))
def test_transposed_convolution(kernel, stride, dilation):
    field = ReceptiveField().through_transposed(kernel, stride, 0, dilation)

    def compute(x):
        w = torch.ones(1, 1, kernel, dtype=x.dtype)
        return F.conv_transpose1d(x, w, stride=stride, dilation=dilation)

    middle = range(30 * stride, 30 * stride + stride * dilation)
    touched = [cells for cells in (support(compute, 60, index) for index in middle) if len(cells)]
    assert max(int(cells[-1] - cells[0]) + 1 for cells in touched) == field.size
    # a unit between two inputs is centered within half an input of where the formula puts it
    for index in middle:
        cells = support(compute, 60, index)
        if len(cells):
            center = (cells[-1] + cells[0]).item() / 2
            assert abs(center - (field.start + index * field.jump)) <= dilation / 2


def test_branches_join_from_first_cell_to_last():
    left, right = (ReceptiveField().through(Window(3, padding=side)) for side in ((2, 0), (0, 2)))
    joined = left.join(right)
    assert joined.size == 5
    assert joined.start == 0
    assert left.join(left) == left
