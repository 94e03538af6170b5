"""Binary-Weight and XNOR networks: which layers are binary, and what they compute."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gatefield.core.errors import ArgumentError
from gatefield.layers.binary_convolution import BinaryConvolution
from gatefield.layers.binary_linear import BinaryLinear
from gatefield.models.vision.resnet import ResNet
from gatefield.models.vision.xnor_alexnet import XnorAlexNet

SOURCE = torch.Generator().manual_seed(0)


def sign(x: Tensor) -> Tensor:
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


def mean_size(weight: Tensor) -> Tensor:
    """alpha of each filter, equation 6."""
    return weight.flatten(1).abs().mean(1)


def convolve(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """alpha (sign(W) * x); alpha last, so that sums of signs which are zero are zero exactly."""
    return F.conv2d(x, sign(weight), None, stride, weight.shape[-1] // 2) * mean_size(weight)[:, None, None]


def scale(x: Tensor, side: int) -> Tensor:
    """K of equation 11."""
    return F.avg_pool2d(x.abs().mean(1, keepdim=True), side, 1, side // 2, count_include_pad=True)


def normalize(w: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    mean, var, weight, bias = (w[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, mean, var, weight, bias)


def build(inputs: str) -> XnorAlexNet:
    torch.manual_seed(0)
    net = XnorAlexNet((3, 67, 63), 5, inputs=inputs, width=1 / 16, hidden=20).double().eval()
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return net


@torch.no_grad()
@pytest.mark.parametrize("inputs", ["real", "signs", "scaled-signs"])
def test_alexnet_computes_its_equations(inputs):
    net = build(inputs)
    w, real = net.state_dict(), inputs == "real"
    x = torch.randn(2, 3, 67, 63, generator=SOURCE, dtype=torch.float64)
    h = F.relu(normalize(w, "features.norm1", F.conv2d(x, w["features.conv1.weight"], None, 4, 2)))
    h = F.max_pool2d(h, 3, 2)
    for number, side in ((2, 5), (3, 3), (4, 3), (5, 3)):
        weight, norm = w[f"features.conv{number}.weight"], f"features.norm{number}"
        if real:
            h = F.relu(normalize(w, norm, convolve(h, weight)))
        else:
            h = normalize(w, norm, h)
            factor = scale(h, side) if inputs == "scaled-signs" else 1.0
            h = convolve(sign(h), weight) * factor
        if number in (2, 5):
            h = F.max_pool2d(h, 3, 2)
    h = h.flatten(1)
    for number in (6, 7):
        weight, norm = w[f"classifier.fc{number}.weight"], f"classifier.norm{number}"
        alpha = mean_size(weight)
        if real:
            h = F.relu(normalize(w, norm, h @ sign(weight).T * alpha))
        else:
            h = normalize(w, norm, h)
            factor = h.abs().mean(1, keepdim=True) if inputs == "scaled-signs" else 1.0
            h = sign(h) @ sign(weight).T * alpha * factor
    if not real:
        h = F.relu(normalize(w, "classifier.norm8", h))
    expected = h @ w["classifier.output.weight"].T + w["classifier.output.bias"]
    torch.testing.assert_close(net(x), expected, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_resnet_block_computes_its_equations():
    torch.manual_seed(0)
    net = ResNet((3, 32, 32), 5, [1, 1], block="xnor", width=0.125).double().eval()
    x = torch.randn(2, 8, 7, 6, generator=SOURCE, dtype=torch.float64)
    block = net.stages.stage2.block1
    w, h = block.state_dict(), x
    for number, stride in ((1, 2), (2, 1)):
        h = normalize(w, f"residual.norm{number}", h)
        factor = scale(h, 3)[:, :, ::stride, ::stride]
        h = convolve(sign(h), w[f"residual.conv{number}.weight"], stride) * factor
    short = normalize(w, "shortcut.norm", F.conv2d(x, w["shortcut.conv.weight"], None, 2))
    torch.testing.assert_close(block(x), h + short)


@pytest.mark.parametrize("name", ["xnor-resnet18", "bwn-resnet18"])
def test_only_the_ends_and_the_projections_are_real(name):
    with torch.device("meta"):
        net = ResNet((3, 224, 224), 1000, **ResNet.presets[name])
    real = [key for key, module in net.named_modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    bits = [module for module in net.modules() if isinstance(module, BinaryConvolution)]
    assert len(bits) == 16
    assert {module.inputs for module in bits} == {"real" if name == "bwn-resnet18" else "scaled-signs"}
    projections = [f"stages.stage{stage}.block1.shortcut.conv" for stage in (2, 3, 4)]
    assert real == ["stem.conv", *projections, "classifier.output"]
    assert sum(module.weight.numel() for module in bits) == 10_985_472


def test_alexnet_is_almost_all_bits():
    """Claim 38: what is binary takes 1/32 of its bytes; of 62 million parameters, 58 million are bits."""
    with torch.device("meta"):
        net = XnorAlexNet((3, 224, 224), 1000)
    bits = sum(m.weight.numel() for m in net.modules() if isinstance(m, (BinaryConvolution, BinaryLinear)))
    total = sum(parameter.numel() for parameter in net.parameters())
    assert bits == 614_400 + 884_736 + 1_327_104 + 884_736 + 4096 * 9216 + 4096 * 4096
    assert 0.93 < bits / total < 0.94


def test_an_order_of_their_own():
    with pytest.raises(ArgumentError, match="order of their own") as caught:
        ResNet((3, 32, 32), 3, block="xnor", order="pre-activation")
    assert caught.value.path == ("order",)
