"""The decks' worked examples of convolution (catalogue 3, 4, 9-12, 15-17)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gatefield.functional.convolution_arithmetic import Window, transposed_output_size
from gatefield.functional.effective_receptive_field import effective_receptive_field, support
from gatefield.functional.padding import pad_axes


def image(rows) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)[None, None]


X = torch.where(torch.eye(9).bool() | torch.eye(9).bool().flip(1), 1.0, -1.0).double()
X[[0, -1]] = X[:, [0, -1]] = -1

DIAGONAL = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
CROSS = [[1, -1, 1], [-1, 1, -1], [1, -1, 1]]
DIAGONAL_MAP = [
    [0.77, -0.11, 0.11, 0.33, 0.55, -0.11, 0.33],
    [-0.11, 1.00, -0.11, 0.33, -0.11, 0.11, -0.11],
    [0.11, -0.11, 1.00, -0.33, 0.11, -0.11, 0.55],
    [0.33, 0.33, -0.33, 0.55, -0.33, 0.33, 0.33],
    [0.55, -0.11, 0.11, -0.33, 1.00, -0.11, 0.11],
    [-0.11, 0.11, -0.11, 0.33, -0.11, 1.00, -0.11],
    [0.33, -0.11, 0.55, 0.33, 0.11, -0.11, 0.77],
]
CROSS_MAP = [
    [0.33, -0.55, 0.11, -0.11, 0.11, -0.55, 0.33],
    [-0.55, 0.55, -0.55, 0.33, -0.55, 0.55, -0.55],
    [0.11, -0.55, 0.55, -0.77, 0.55, -0.55, 0.11],
    [-0.11, 0.33, -0.77, 1.00, -0.77, 0.33, -0.11],
    [0.11, -0.55, 0.55, -0.77, 0.55, -0.55, 0.11],
    [-0.55, 0.55, -0.55, 0.33, -0.55, 0.55, -0.55],
    [0.33, -0.55, 0.11, -0.11, 0.11, -0.55, 0.33],
]


@pytest.mark.parametrize(
    ("kernel", "printed"),
    [(DIAGONAL, DIAGONAL_MAP), (CROSS, CROSS_MAP), (DIAGONAL[::-1], DIAGONAL_MAP[::-1])],
)
def test_the_x_is_a_mean_of_products_truncated(kernel, printed):
    """Catalogue 4 and erratum 5: 7/9 is printed as 0.77, and the deck's "convolution" divides by 9."""
    maps = F.conv2d(X[None, None], image(kernel)) / 9
    hundredths = (maps * 100 + maps.sign() * 1e-9).trunc()
    assert torch.equal(hundredths, (image(printed) * 100).round())
    assert not torch.equal((maps * 100).round(), hundredths)


def test_sliding_window_on_a_binary_image():
    """Catalogue 9: the first feature is 4."""
    x = image([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]])
    kernel = image([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    assert F.conv2d(x, kernel)[0, 0].tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


def test_curve_detector():
    """Catalogue 10: 6600 on the curve, 0 elsewhere."""
    kernel, curve, elsewhere = torch.zeros(3, 1, 1, 7, 7, dtype=torch.float64)
    kernel[0, 0, [0, 1, 2, 3, 4, 5], [5, 4, 3, 3, 3, 3]] = 30
    curve[0, 0, 0, 6], curve[0, 0, 1, 4:], curve[0, 0, 2:, 4] = 30, 50, 50
    curve[0, 0, 2:, 3] = torch.tensor([20.0, 50, 50, 50, 50])
    rows, columns = [1, 2, 2, 3, 3, 4, 5, 6, 6, 6], [1, 0, 2, 0, 1, 1, 2, 0, 1, 3]
    elsewhere[0, 0, rows, columns] = torch.tensor([40.0, 40, 40, 40, 20, 50, 50, 25, 25, 50], dtype=torch.float64)
    assert F.conv2d(curve, kernel).item() == 4 * 50 * 30 + 20 * 30 == 6600
    assert F.conv2d(elsewhere, kernel).item() == 0


def test_strides():
    """Catalogue 11: 3x3 on 7x7 leaves 5x5 at stride 1, 3x3 at stride 2; each axis has a stride of its own."""
    x, kernel = torch.randn(1, 1, 7, 7), torch.randn(1, 1, 3, 3)
    every = F.conv2d(x, kernel)
    assert every.shape[2:] == (5, 5)
    torch.testing.assert_close(F.conv2d(x, kernel, stride=2), every[:, :, ::2, ::2])
    torch.testing.assert_close(F.conv2d(x, kernel, stride=(2, 1)), every[:, :, ::2])
    assert [Window(3, stride).output_size(7) for stride in (1, 2)] == [5, 3]


def test_zero_padding_of_size_one():
    """Catalogue 12: a border of zeros keeps a 3x3 convolution's size."""
    x, kernel = torch.randn(1, 1, 4, 5), torch.randn(1, 1, 3, 3)
    padded = pad_axes(x, [(1, 1), (1, 1)])
    assert padded.shape[2:] == (6, 7)
    assert torch.equal(padded[:, :, 1:-1, 1:-1], x)
    assert not padded[:, :, [0, -1]].any()
    assert not padded[:, :, :, [0, -1]].any()
    torch.testing.assert_close(F.conv2d(padded, kernel), F.conv2d(x, kernel, padding=1))


@pytest.mark.parametrize(("dilations", "side"), [((1,), 3), ((1, 2), 7), ((1, 2, 4), 15)])
def test_dilated_fields_by_gradient(dilations, side):
    """Catalogue 15: 3x3, 7x7, 15x15 with 9 weights a layer."""
    kernel = torch.rand(1, 1, 3, 3, generator=torch.Generator().manual_seed(0)) + 0.1

    def layers(x):
        for dilation in dilations:
            x = F.conv2d(x, kernel, padding=dilation, dilation=dilation)
        return x

    field = effective_receptive_field(layers, torch.ones(1, 1, 33, 33))
    assert support(field) == (side, side)
    assert int((field > 0).sum()) == side**2  # no holes


def test_transposed_convolution():
    """Catalogue 16: figure 13.10.1 of Dive into Deep Learning; W = (O - 1) S + F - 2 P."""
    x, kernel = image([[0, 1], [2, 3]]), image([[0, 1], [2, 3]])
    assert F.conv_transpose2d(x, kernel)[0, 0].tolist() == [[0, 0, 1], [0, 4, 6], [4, 12, 9]]
    strided = F.conv_transpose2d(x, kernel, stride=2)
    assert strided.shape[-1] == transposed_output_size(2, 2, stride=2) == (2 - 1) * 2 + 2
    assert strided[0, 0].tolist() == [[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]]


def test_sobel_in_two_steps():
    """Catalogue 17: 3 + 3 multiplications a cell give what 9 give."""
    x = torch.arange(30.0).view(1, 1, 5, 6).square()
    whole = F.conv2d(x, torch.tensor([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]]))
    column, row = torch.tensor([1.0, 2, 1]).view(1, 1, 3, 1), torch.tensor([-1.0, 0, 1]).view(1, 1, 1, 3)
    assert torch.equal(F.conv2d(F.conv2d(x, column), row), whole)
