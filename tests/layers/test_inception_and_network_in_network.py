"""Inception and mlpconv against their definitions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.layers.convolution_unit import ConvolutionUnit
from gatefield.layers.inception_block import InceptionBlock
from gatefield.layers.mlp_convolution import MLPConvolution


def test_inception_3a():
    """Table 1 of Szegedy et al. (2015): 256 maps, 159 K parameters (163,696 with biases)."""
    torch.manual_seed(0)
    block = InceptionBlock(192, 64, 96, 128, 16, 32, 32)
    assert sum(p.numel() for p in block.parameters()) == 163_696
    assert block.out_channels == 256
    x = torch.randn(2, 192, 7, 6)

    def unit(x, unit, padding=0):
        return F.relu(F.conv2d(x, unit.conv.weight, unit.conv.bias, padding=padding))

    parts = [
        unit(x, block.branch1x1),
        unit(unit(x, block.branch3x3.reduce), block.branch3x3.conv, 1),
        unit(unit(x, block.branch5x5.reduce), block.branch5x5.conv, 2),
        unit(F.max_pool2d(x, 3, 1, 1), block.branch_pool.projection),
    ]
    torch.testing.assert_close(block(x), torch.cat(parts, 1))


def test_the_form_of_torchvision_has_a_3x3():
    block = InceptionBlock(192, 64, 96, 128, 16, 32, 32, batch_norm=True, largest_kernel=3)
    assert block.branch5x5.conv.conv.kernel_size == (3, 3)
    assert block.branch5x5.conv.conv.bias is None


def test_mlpconv_is_a_perceptron_at_each_place():
    """Equation 2 of Lin et al. (2014)."""
    torch.manual_seed(0)
    layer, x = MLPConvolution(2, (4, 5, 3), 3), torch.randn(2, 2, 6, 5)
    y = layer(x)
    for i, j in ((0, 0), (3, 2), (1, 1)):
        f = x[:, :, i : i + 3, j : j + 3].flatten(1)
        for unit in layer.layers:
            f = F.relu(F.linear(f, unit.conv.weight.flatten(1), unit.conv.bias))
        torch.testing.assert_close(y[:, :, i, j], f)


def test_convolution_unit_in_the_decks_order():
    """Catalogue 66: convolution, activation, pooling."""
    unit, x = ConvolutionUnit(2, 3, 3, padding="same", pooling=2), torch.randn(1, 2, 6, 6)
    expected = F.max_pool2d(F.relu(F.conv2d(x, unit.conv.weight, unit.conv.bias, padding=1)), 2)
    torch.testing.assert_close(unit(x), expected)
    with pytest.raises(ArgumentError, match="stride"):
        ConvolutionUnit(2, 3, 3, stride=2, padding="same")
    with pytest.raises(ArgumentError, match="groups"):
        ConvolutionUnit(2, 3, 3, groups=2)
