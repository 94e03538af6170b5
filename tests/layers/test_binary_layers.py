"""Binary layers against sign arithmetic, and their packed forms against them."""

from __future__ import annotations

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

from gatefield.functional.binarize import signs
from gatefield.layers.binary_convolution import BinaryConvolution
from gatefield.layers.binary_linear import BinaryLinear
from gatefield.layers.packed_binary import PackedConvolution, PackedLinear, pack_binary_layers

CONVOLUTIONS = [
    {"in_channels": 16, "out_channels": 6, "kernel_size": 3, "padding": 1},
    {"in_channels": 12, "out_channels": 8, "kernel_size": 3, "stride": 2, "groups": 4, "bias": True},
    {"in_channels": 5, "out_channels": 3, "kernel_size": 2, "stride": 1, "padding": 2},
    {"in_channels": 3, "out_channels": 4, "kernel_size": 1},
]


@pytest.mark.parametrize("arguments", CONVOLUTIONS)
def test_forward_is_sign_arithmetic(arguments):
    x = torch.randn(2, arguments["in_channels"], 6, 7)
    layers = {kind: BinaryConvolution(**arguments, inputs=kind) for kind in ("real", "signs", "scaled-signs")}
    for layer in layers.values():
        layer.load_state_dict(layers["real"].state_dict())
    one = layers["real"]
    place = (one.stride, one.padding, 1, one.groups)
    alpha = one.weight.detach().abs().mean((1, 2, 3))[:, None, None]
    bias = 0 if one.bias is None else one.bias[:, None, None]
    exact = F.conv2d(signs(x), signs(one.weight), None, *place)
    assert torch.equal(exact, exact.round())
    assert torch.equal(layers["signs"](x), exact * alpha + bias if one.bias is not None else exact * alpha)
    estimate = alpha[:, None] * signs(one.weight)
    torch.testing.assert_close(layers["real"](x), F.conv2d(x, estimate, one.bias, *place))
    each = x.shape[1] // one.groups
    k = F.avg_pool2d(F.pad(x.abs(), [one.padding] * 4), one.kernel_size, one.stride)
    k = k.unflatten(1, (one.groups, each)).mean(2).repeat_interleave(exact.shape[1] // one.groups, 1)
    torch.testing.assert_close(layers["scaled-signs"](x), exact * alpha * k + bias)


@pytest.mark.parametrize("kind", ["real", "signs", "scaled-signs"])
@pytest.mark.parametrize("arguments", CONVOLUTIONS)
def test_packed_convolution_is_equal_to_the_bit(arguments, kind):
    layer = BinaryConvolution(**arguments, inputs=kind)
    x = torch.randn(2, arguments["in_channels"], 6, 7)
    packed = pack_binary_layers(layer)
    assert isinstance(packed, PackedConvolution)
    if kind == "real":
        torch.testing.assert_close(packed(x), layer(x))
    else:
        assert torch.equal(packed(x), layer(x))


@pytest.mark.parametrize("kind", ["real", "signs", "scaled-signs"])
def test_packed_linear_is_equal_to_the_bit(kind):
    layer = BinaryLinear(37, 5, kind, bias=True)
    packed = pack_binary_layers(layer)
    assert isinstance(packed, PackedLinear)
    for x in (torch.randn(4, 37), torch.randn(2, 3, 37), torch.randn(0, 37)):
        assert packed(x).shape == layer(x).shape
        torch.testing.assert_close(packed(x), layer(x), rtol=0, atol=0 if kind != "real" else 1e-6)


def test_straight_through_gradients_are_the_paper_s():
    """dL/dx = dL/dsign(x) 1_{|x| <= 1}, dL/dW = dL/dW~ (1/n + 1_{|w| <= 1} alpha)."""
    x = (1.5 * torch.randn(2, 3, 5, 5, dtype=torch.float64)).requires_grad_()
    layer = BinaryConvolution(3, 4, 3, inputs="signs").double()
    layer.weight.data.mul_(6)
    assert (layer.weight.abs() > 1).any()
    y = layer(x)
    gradient = torch.randn_like(y)
    y.backward(gradient)
    alpha = layer.weight.detach().abs().mean((1, 2, 3), keepdim=True)
    sign, estimate = signs(x.detach()).requires_grad_(), (alpha * signs(layer.weight.detach())).requires_grad_()
    F.conv2d(sign, estimate).backward(gradient)
    torch.testing.assert_close(x.grad, sign.grad * (x.abs() <= 1))
    torch.testing.assert_close(layer.weight.grad, estimate.grad * (1 / 27 + alpha * (layer.weight.abs() <= 1)))


def test_packed_weights_take_one_thirty_first(tmp_path):
    """DEMANDS 22: 256 to 256 channels of 3x3, scales included, in memory and in the file."""
    layer = BinaryConvolution(256, 256, 3, padding=1)
    packed = pack_binary_layers(layer)
    full = layer.weight.numel() * 4
    assert full / sum(buffer.numel() * buffer.element_size() for buffer in packed.buffers()) >= 31
    safetensors.torch.save_file(packed.state_dict(), tmp_path / "packed.safetensors")
    assert full / (tmp_path / "packed.safetensors").stat().st_size >= 31
    for channels in (96, 192, 384):  # those of AlexNet: no bits are wasted
        bits = pack_binary_layers(BinaryConvolution(channels, 64, 3)).bits
        assert bits.numel() * 8 == channels * 64 * 9


def test_a_network_is_packed_whole_and_left_alone():
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), BinaryConvolution(8, 8, 3), nn.Flatten(), BinaryLinear(128, 10)
    ).eval()
    x = torch.randn(3, 1, 8, 8)
    packed = pack_binary_layers(network)
    assert torch.equal(packed(x), network(x))
    assert isinstance(network[2], BinaryConvolution)
    assert [type(part) for part in packed][2:] == [PackedConvolution, nn.Flatten, PackedLinear]
    assert not packed(x).requires_grad or packed[0].weight.requires_grad


def test_binary_networks_learn():
    """The parity of two signs, of which a linear classifier gets half right."""
    x = torch.randn(256, 2)
    y = (x[:, 0] * x[:, 1] > 0).long()
    network = nn.Sequential(
        nn.Linear(2, 32), nn.BatchNorm1d(32), BinaryLinear(32, 32), nn.BatchNorm1d(32), nn.Linear(32, 2)
    )
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(network(x), y).backward()
        optimizer.step()
    assert (network(x).argmax(1) == y).float().mean() > 0.75
