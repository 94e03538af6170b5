"""The decks' worked examples of pooling and rectifiers (catalogue 1, 2, 5-8, 18), and pooling with switches."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from test_convolutions_of_the_decks import CROSS_MAP, DIAGONAL_MAP, image

from gatefield.core.errors import ArgumentError
from gatefield.functional.padding import ceil_padding
from gatefield.layers.global_average_pooling import GlobalAveragePooling
from gatefield.layers.padded_max_pooling import PaddedMaxPooling
from gatefield.layers.switch_max_pooling import SwitchMaxPooling

S0 = image([[0.4, 2.3, 0, 1.3, 0], [1.9, 3.2, 2.1, 1.5, 0], [2.3, 0, 3.8, 0, 4.3], [1.5, 2.3, 1.5, 0.7, 2.1]])
S2 = image([[1, 2, 3, 4, 5], [9, 8, 7, 6, 0], [0, 2, 4, 6, 8], [2, 3, 4, 5, 1], [6, 7, 8, 9, 0]])


def test_max_pooling_of_s0():
    """Catalogue 1."""
    expected = image([[3.2, 3.2, 2.1, 1.5], [3.2, 3.8, 3.8, 4.3], [2.3, 3.8, 3.8, 4.3]])
    assert torch.equal(SwitchMaxPooling(2, 1)(S0), expected)


def test_mean_pooling_of_s0():
    """Catalogue 2 and erratum 1: the first mean is 1.95, not the 2.05 printed."""
    printed = image([[2.05, 1.9, 1.225, 0.7], [1.85, 2.275, 1.85, 1.45], [1.525, 1.9, 1.5, 1.775]])
    means = F.avg_pool2d(S0, 2, 1)
    assert means[0, 0, 0, 0].item() == pytest.approx(1.95)
    wrong = (means - printed).abs() > 1e-9
    assert wrong.nonzero().tolist() == [[0, 0, 0, 0]]


FIRST = [[1.00, 0.33, 0.55, 0.33], [0.33, 1.00, 0.33, 0.55], [0.55, 0.33, 1.00, 0.11], [0.33, 0.55, 0.11, 0.77]]
SECOND = [[0.55, 0.33, 0.55, 0.33], [0.33, 1.00, 0.55, 0.11], [0.55, 0.55, 0.55, 0.11], [0.33, 0.11, 0.11, 0.33]]
THIRD = [[0.33, 0.55, 1.00, 0.77], [0.55, 0.55, 1.00, 0.33], [1.00, 1.00, 0.11, 0.55], [0.77, 0.33, 0.55, 0.33]]


@pytest.mark.parametrize(("maps", "pooled"), [(DIAGONAL_MAP, FIRST), (CROSS_MAP, SECOND), (DIAGONAL_MAP[::-1], THIRD)])
def test_ceil_mode_of_s1(maps, pooled):
    """Catalogue 6: 7x7 to 4x4 at stride 2; ceil mode is one-sided padding. Erratum 3: the deck pools some maps
    without ReLU, which changes nothing, because every window has a positive cell."""
    x = image(maps)
    layer = SwitchMaxPooling(2, 2, ceil_mode=True)
    assert torch.equal(layer(F.relu(x)), image(pooled))
    assert torch.equal(layer(x), image(pooled))
    sides = ceil_padding(7, 2, 2)
    assert sides == (0, 1)
    assert torch.equal(PaddedMaxPooling((2, 2), (2, 2), (sides, sides))(F.relu(x)), image(pooled))


def test_a_misprinted_cell_of_s1_changes_nothing():
    """Erratum 3: one slide has -0.11 where the map has 0.11."""
    x = image(DIAGONAL_MAP)
    misprinted = x.clone()
    misprinted[0, 0, 1, 5] = -0.11
    layer = SwitchMaxPooling(2, 2, ceil_mode=True)
    assert torch.equal(layer(misprinted), layer(x))


def test_relu_of_s1():
    """Catalogue 5: negative cells become 0, others stay."""
    x = image(DIAGONAL_MAP)
    y = F.relu(x)
    assert torch.equal(y[x >= 0], x[x >= 0])
    assert not y[x < 0].any()
    assert y[0, 0, 0].tolist() == [0.77, 0, 0.11, 0.33, 0.55, 0, 0.33]


def test_asymmetric_strides_of_s2():
    """Catalogue 7 and 8, with one row and one column of zeros; erratum 2: the last output is 0, not 1."""
    zeros = ((0, 1), (0, 1))
    down = PaddedMaxPooling((2, 2), (2, 1), zeros)(S2)
    assert down[0, 0].tolist() == [[9, 8, 7, 6, 5], [3, 4, 6, 8, 8], [7, 8, 9, 9, 0]]
    across = PaddedMaxPooling((2, 2), (1, 2), zeros)(S2)
    assert across[0, 0].tolist() == [[9, 7, 5], [9, 7, 8], [3, 6, 8], [7, 9, 1], [7, 9, 0]]


def test_zeros_win_over_negative_cells_and_nothing_does_not():
    x = -S2 - 1
    zeros = PaddedMaxPooling((2, 2), (2, 2), ((0, 1), (0, 1)))(x)
    nothing = PaddedMaxPooling((2, 2), (2, 2), ((0, 1), (0, 1)), "nothing")(x)
    assert not zeros[0, 0, -1].any()
    assert not zeros[0, 0, :, -1].any()
    assert torch.equal(nothing, F.max_pool2d(x, 2, 2, ceil_mode=True))


def test_pooling_discards_three_quarters_of_the_activations_and_no_parameter():
    """Catalogue 18 and erratum 9: S3 says "parameters"; a pooling has none."""
    layer, x = SwitchMaxPooling(2, 2), torch.randn(1, 3, 8, 8)
    assert layer(x).numel() == x.numel() / 4
    assert not list(layer.parameters())


def test_overlapping_pooling():
    """Catalogue 57."""
    x = torch.randn(2, 3, 13, 13)
    assert torch.equal(SwitchMaxPooling(3, 2)(x), F.max_pool2d(x, 3, 2))
    assert SwitchMaxPooling(3, 2)(x).shape[-1] == 6


def test_switches_there_and_back():
    x = torch.randn(2, 3, 6, 8)
    layer = SwitchMaxPooling(2, 2)
    y, switches = layer.with_switches(x)
    assert torch.equal(layer(x, switches), y)
    torch.use_deterministic_algorithms(False)  # torch's own unpooling has no deterministic form
    assert torch.equal(layer.unpool(y, switches, (6, 8)), F.max_unpool2d(y, switches, 2))
    other = torch.randn(2, 3, 6, 8)
    assert torch.equal(layer(other, switches), other.flatten(2).gather(2, switches.flatten(2)).view(y.shape))
    with pytest.raises(ArgumentError, match="hides"):
        SwitchMaxPooling(2, 2, padding=2)


@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 5, 4), (1, 2, 3, 4, 5)])
def test_global_average_pooling(shape):
    """Catalogue 60: any number of spatial axes."""
    x = torch.randn(shape)
    torch.testing.assert_close(GlobalAveragePooling()(x), x.flatten(2).mean(2))
    assert GlobalAveragePooling(keepdim=True)(x).shape == (*shape[:2], *[1] * (len(shape) - 2))
