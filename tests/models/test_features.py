"""Outputs of any named layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gatefield.core.errors import ArgumentError
from gatefield.models.features import features
from gatefield.models.vision.googlenet import GoogLeNet
from gatefield.models.vision.resnet import ResNet

X = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_every_layer_is_what_the_parts_compute():
    torch.manual_seed(0)
    net = ResNet((3, 32, 32), 4, [1, 2], stem="cifar", width=0.25).eval()
    found = features(net, X, ["classifier.output", "stages.stage1", "stem"])
    assert list(found) == ["classifier.output", "stages.stage1", "stem"]
    assert torch.equal(found["stem"], net.stem(X))
    assert torch.equal(found["stages.stage1"], net.stages.stage1(net.stem(X)))
    assert torch.equal(found["classifier.output"], net(X))
    found["stages.stage1"].sum().backward()
    assert net.stem.conv.weight.grad is not None
    assert hooks(net) == 0
    assert not net.training


def test_layers_that_cannot_be_read():
    net = GoogLeNet((3, 79, 79), 2, auxiliary=True, width=0.05).eval()
    x = torch.zeros(1, 3, 79, 79)
    with pytest.raises(ArgumentError, match=r"'features\.conv9' is not") as caught:
        features(net, x, ["features.conv9"])
    assert "did you mean 'features.conv" in caught.value.hint
    with pytest.raises(ArgumentError, match="did not run"):
        features(net, x, ["heads.inception4a"])
    with pytest.raises(ArgumentError, match="is not in"):
        features(net, x, [""])
    shared = nn.ReLU()
    with pytest.raises(ArgumentError, match="'0' runs more than once"):
        features(nn.Sequential(shared, shared), x, ["0"])
    outer = nn.Sequential(nn.LSTM(3, 2))
    with pytest.raises(ArgumentError, match="puts out a tuple"):
        features(outer, torch.zeros(1, 2, 3), ["0"])
    assert hooks(net) == hooks(outer) == 0
