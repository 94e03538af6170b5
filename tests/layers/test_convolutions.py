"""Causal, up-sampling and deformable layers against their definitions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.layers.causal_convolution import CausalConvolution
from gatefield.layers.deformable_convolution import DeformableConvolution
from gatefield.layers.flipped_convolution import FlippedConvolution
from gatefield.layers.upsampling_convolution import UpsamplingConvolution


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (2, 1), (3, 2), (3, 4), (4, 3)])
def test_causal_convolution_never_looks_ahead(kernel, dilation):
    """Catalogue 52."""
    layer = CausalConvolution(2, 3, kernel, dilation).double()
    x = torch.randn(2, 2, 15, dtype=torch.float64, requires_grad=True)
    y = layer(x)
    assert y.shape == (2, 3, 15)
    for t in (0, 7, 14):
        (gradient,) = torch.autograd.grad(y[:, :, t].sum(), x, retain_graph=True)
        seen = gradient.abs().sum((0, 1)).nonzero().flatten().tolist()
        assert seen == sorted(t - dilation * i for i in range(kernel) if t - dilation * i >= 0)


def test_causal_stream_equals_the_whole():
    layer, x = CausalConvolution(3, 2, 3, 4).double(), torch.randn(2, 3, 20, dtype=torch.float64)
    state, steps = layer.initial_state(x[:, :, 0]), []
    for t in range(20):
        y_t, state = layer.step(x[:, :, t], state)
        steps.append(y_t)
    torch.testing.assert_close(torch.stack(steps, 2), layer(x), rtol=1e-12, atol=1e-12)


def test_causal_fields_of_the_decks():
    """Catalogue 52: figure 1a of Bai et al. (2018): k = 3, d = 1, 2, 4 see 15 steps."""
    layers = torch.nn.Sequential(*(CausalConvolution(1, 1, 3, d, bias=False) for d in (1, 2, 4)))
    x = torch.randn(1, 1, 40, requires_grad=True)
    layers(x)[0, 0, -1].backward()
    assert x.grad.flatten().nonzero().flatten().tolist() == list(range(25, 40))


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5])
def test_upsampling_is_exact_in_size_and_bilinear_at_first(factor):
    x = torch.randn(2, 3, 5, 6)
    layer = UpsamplingConvolution(3, 3, factor)
    y = layer(x)
    assert y.shape == (2, 3, 5 * factor, 6 * factor)
    expected = F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)
    inside = slice(factor, -factor)  # at the border torch repeats cells, the convolution has zeros there
    torch.testing.assert_close(y[:, :, inside, inside], expected[:, :, inside, inside])


def test_deformable_layer_starts_as_a_convolution():
    torch.manual_seed(0)
    first, second = DeformableConvolution(4, 6, 3, 2, 1), DeformableConvolution(4, 6, 3, 2, 1, modulated=True)
    second.load_state_dict({**second.state_dict(), "weight": first.weight, "bias": first.bias})
    x = torch.randn(2, 4, 9, 9)
    plain = F.conv2d(x, first.weight, None, 2, 1)
    torch.testing.assert_close(first(x), plain + first.bias[:, None, None], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(second(x), plain / 2 + second.bias[:, None, None], rtol=1e-5, atol=1e-6)
    with pytest.raises(ArgumentError, match="offset groups"):
        DeformableConvolution(4, 6, 3, offset_groups=3)


def test_deformable_layer_learns_where_to_look():
    """The target reads two cells to the right; a 1x1 kernel can only get there by moving."""
    torch.manual_seed(0)
    x = F.avg_pool2d(torch.randn(16, 1, 16, 16), 5, 1, 2)  # smooth, so that there is a slope to follow
    target = F.pad(x, (0, 2))[:, :, :, 2:]
    layer = DeformableConvolution(1, 1, 1, bias=False)
    layer.weight.data.fill_(1)
    layer.weight.requires_grad_(False)
    optimizer = torch.optim.Adam(layer.offset.parameters(), 0.05)
    for _ in range(150):
        optimizer.zero_grad()
        (layer(x) - target).square().mean().backward()
        optimizer.step()
    down, right = layer.offset.bias.tolist()
    assert abs(down) < 0.1
    assert abs(right - 2) < 0.1


def test_flipped_convolution_flips():
    """Catalogue 38."""
    layer, x = FlippedConvolution(2, 3, 3), torch.randn(1, 2, 6, 6)
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight.flip(2, 3), layer.bias))
