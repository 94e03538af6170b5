"""Residual blocks against their equations, and the forms of ResNeXt against each other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.layers.basic_block import BasicBlock
from gatefield.layers.bottleneck_block import BottleneckBlock
from gatefield.layers.pointwise_convolution import PointwiseConvolution
from gatefield.layers.resnext_block import ResNeXtBlock
from gatefield.layers.zero_padded_shortcut import ZeroPaddedShortcut
from gatefield.models.summary import summarize


def trained(block, seed=0):
    """``block`` for evaluation, with statistics and scales as after training."""
    source = torch.Generator().manual_seed(seed)
    for module in block.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 2, generator=source)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(generator=source)
    return block.double().eval()


def norm(x, module):
    shape = (1, -1, 1, 1)
    mean, variance = module.running_mean.view(shape), module.running_var.view(shape)
    return (x - mean) / (variance + 1e-5).sqrt() * module.weight.view(shape) + module.bias.view(shape)


def batch(channels, size=6):
    return torch.randn(2, channels, size, size + 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_basic_block_is_its_equation():
    """Catalogue 34: a[l+2] = g(z[l+2] + a[l]); the plain twin leaves a[l] out."""
    block, plain = trained(BasicBlock(3, 3)), trained(BasicBlock(3, 3, shortcut="none"))
    plain.load_state_dict(block.state_dict())
    x, f = batch(3), block.residual
    a1 = F.relu(norm(F.conv2d(x, f.conv1.weight, padding=1), f.norm1))
    z2 = norm(F.conv2d(a1, f.conv2.weight, padding=1), f.norm2)
    torch.testing.assert_close(block(x), F.relu(z2 + x))
    torch.testing.assert_close(plain(x), F.relu(z2))


def test_pre_activation_is_its_equation():
    block = trained(BasicBlock(3, 3, order="pre-activation"))
    x, f, pre = batch(3), block.residual, block.preactivation
    z1 = F.conv2d(F.relu(norm(x, pre.norm1)), f.conv1.weight, padding=1)
    z2 = F.conv2d(F.relu(norm(z1, f.norm2)), f.conv2.weight, padding=1)
    torch.testing.assert_close(block(x), x + z2)
    strided = trained(BasicBlock(3, 5, 2, order="pre-activation"))
    ready = F.relu(norm(x, strided.preactivation.norm1))
    projected = F.conv2d(ready, strided.shortcut.conv.weight, stride=2)
    torch.testing.assert_close(strided(x) - strided.residual(ready), projected)


@pytest.mark.parametrize(("stride_at", "strides"), [("3x3", (1, 2, 1)), ("1x1", (2, 1, 1))])
def test_bottleneck_is_its_equation(stride_at, strides):
    block = trained(BottleneckBlock(3, 4, 6, 2, groups=2, stride_at=stride_at))
    x, f = batch(3), block.residual
    y = F.relu(norm(F.conv2d(x, f.conv1.weight, stride=strides[0]), f.norm1))
    y = F.relu(norm(F.conv2d(y, f.conv2.weight, stride=strides[1], padding=1, groups=2), f.norm2))
    y = norm(F.conv2d(y, f.conv3.weight), f.norm3)
    around = norm(F.conv2d(x, block.shortcut.conv.weight, stride=2), block.shortcut.norm)
    torch.testing.assert_close(block(x), F.relu(y + around))


def test_shortcuts():
    x = batch(2, 5)
    y = ZeroPaddedShortcut(2, 5, 2)(x)
    assert torch.equal(y[:, :2], x[:, :, ::2, ::2])
    assert not y[:, 2:].any()
    assert isinstance(BasicBlock(4, 4).shortcut, torch.nn.Identity)
    assert BasicBlock(4, 4, shortcut="projection-everywhere").shortcut.conv.weight.shape == (4, 4, 1, 1)
    assert isinstance(BasicBlock(4, 4, 2, shortcut="zero-padding").shortcut, ZeroPaddedShortcut)
    with pytest.raises(ArgumentError, match="padded"):
        BasicBlock(4, 3, shortcut="zero-padding")


def test_dropout_of_wide_blocks_acts_in_training_only():
    block, x = BasicBlock(4, 4, dropout=0.5), torch.randn(2, 4, 6, 6)
    assert list(dict(block.residual.named_children()))[3:5] == ["dropout", "conv2"]
    block.train()
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))


def weights(block):
    return sum(parameter.numel() for parameter in block.parameters() if parameter.dim() == 4)


def test_blocks_of_equal_complexity():
    """Catalogue 23."""
    assert weights(BottleneckBlock(256, 64, 256)) == 69_632
    assert weights(BottleneckBlock(256, 128, 256, groups=32)) == 70_144
    for form in ("aggregated", "concatenated", "grouped"):
        assert weights(ResNeXtBlock(256, 32, 4, 256, form=form)) == 70_144


@pytest.mark.parametrize("start", ["aggregated", "concatenated", "grouped"])
@pytest.mark.parametrize("stride", [1, 2])
def test_three_equal_forms_of_resnext(start, stride):
    """Figure 3 of Xie et al. (2017): the same weights give the same outputs and gradients, in both modes."""
    torch.manual_seed(0)
    block = ResNeXtBlock(12, 4, 3, 12, stride, form=start)
    x = torch.randn(4, 12, 7, 7, requires_grad=True)
    for train in (True, False):
        expected = block.train(train).in_form("grouped")(x)
        (slope,) = torch.autograd.grad(expected.square().sum(), x)
        for form in ("aggregated", "concatenated", "grouped"):
            other = block.in_form(form)
            back = other.in_form(start).state_dict()
            assert all(torch.equal(back[key], tensor) for key, tensor in block.state_dict().items())
            assert other.training == train
            y = other(x)
            torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(torch.autograd.grad(y.square().sum(), x)[0], slope, rtol=1e-4, atol=1e-5)


def test_grouped_resnext_is_a_bottleneck_with_groups():
    block, like = trained(ResNeXtBlock(6, 4, 2, 10, 2)), BottleneckBlock(6, 8, 10, 2, groups=4).double().eval()
    like.load_state_dict(block.state_dict())
    assert torch.equal(block(batch(6)), like(batch(6)))


@pytest.mark.parametrize("shortcut", ["zero-padding", "projection", "none"])
@pytest.mark.parametrize("order", ["post-activation", "pre-activation"])
def test_receptive_fields_pass_through(shortcut, order):
    """3x3 of stride 2, then 3x3: 3 + 2 (3 - 1) cells, whatever the shortcut."""
    network = torch.nn.Sequential(BasicBlock(2, 4, 2, shortcut, order), torch.nn.ReLU())
    rows = summarize(network, (2, 16, 16)).layers
    assert rows[-1].receptive_field == (7, 7)


@pytest.mark.parametrize(("stride", "padding", "groups", "bias"), [(1, 0, 1, False), (2, 0, 1, False), (3, 2, 3, True)])
def test_pointwise_convolution_is_that_of_torch(stride, padding, groups, bias):
    layer, x = PointwiseConvolution(3, 6, stride, padding, groups, bias).double(), batch(3).requires_grad_()
    y, expected = layer(x), F.conv2d(x, layer.weight, layer.bias, stride, padding, groups=groups)
    torch.testing.assert_close(y, expected)
    leaves = (x, *layer.parameters())
    for mine, theirs in zip(*(torch.autograd.grad(out.sin().sum(), leaves) for out in (y, expected))):
        torch.testing.assert_close(mine, theirs)
