"""Filters and feature maps are the network's own numbers, in its own order."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gatefield.core.errors import ArgumentError
from gatefield.explain.filters import feature_maps, filters, map_layers, strongest
from gatefield.models.vision.lenet5 import LeNet5
from gatefield.models.vision.mlp import MLP
from gatefield.models.vision.resnet import ResNet


def test_the_first_convolution_and_templates_of_a_linear_layer():
    net = ResNet((3, 16, 16), 3, [1], stem="cifar", width=0.25)
    found = filters(net)
    assert found.layer == "stem.conv"
    assert torch.equal(found.weights, net.stem.conv.weight)
    found.weights.zero_()
    assert net.stem.conv.weight.abs().sum() > 0  # a copy

    mlp = MLP((1, 8, 8), 10, hidden=[5])
    templates = filters(mlp, input_shape=(1, 8, 8))
    layer = mlp.get_submodule(templates.layer)
    x = torch.rand(1, 8, 8)
    answers = (templates.weights * x).flatten(1).sum(1) + layer.bias
    assert torch.allclose(answers, layer(x.flatten()), atol=1e-6)


def test_what_has_no_filters_is_said():
    mlp = MLP((1, 8, 8), 10, hidden=[5])
    with pytest.raises(ArgumentError, match=r"reads 64 features, the input has the shape \(1, 7, 8\)"):
        filters(mlp, input_shape=(1, 7, 8))
    with pytest.raises(ArgumentError, match="is a ReLU"):
        filters(nn.Sequential(nn.ReLU()), "0")
    with pytest.raises(ArgumentError, match="neither a convolution nor a linear layer"):
        filters(nn.Sequential(nn.ReLU()))


def test_maps_by_depth_grow_smaller_and_are_what_the_layers_put_out():
    torch.manual_seed(0)
    net = ResNet((3, 32, 32), 3, [1, 1, 1], stem="cifar", width=0.25)
    x = torch.randn(2, 3, 32, 32)
    found = feature_maps(net, x)
    assert net.training
    shapes = [maps.shape[2] for maps in found.values()]
    assert shapes == [32, 16, 8]
    net.eval()
    assert torch.equal(next(iter(found.values())), net.stages.stage1(net.stem(x)))
    assert torch.equal(list(found.values())[2], net.stages(net.stem(x)))
    assert list(found) == map_layers(net, x)
    lenet = feature_maps(LeNet5((1, 28, 28), 10), torch.rand(1, 1, 28, 28))
    assert [maps.shape[2] for maps in lenet.values()] == sorted((m.shape[2] for m in lenet.values()), reverse=True)
    assert len(lenet) >= 4
    with pytest.raises(ArgumentError, match="which are no maps"):
        feature_maps(net, x, ["classifier.output"])


def test_maps_of_one_dimension():
    net = nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(3, 4, 3), nn.Flatten())
    assert {name: tuple(maps.shape) for name, maps in feature_maps(net, torch.zeros(1, 2, 16)).items()} == {
        "1": (1, 3, 14),
        "2": (1, 3, 7),
        "3": (1, 4, 5),
    }
    assert tuple(filters(net).weights.shape) == (3, 2, 3)


def test_the_strongest_channels_come_first():
    maps = torch.zeros(4, 2, 2)
    maps[2], maps[0], maps[3, 0, 0] = -3, 2, 5
    assert strongest(maps, 3).tolist() == [2, 0, 3]
    assert strongest(maps, 9).tolist() == [2, 0, 3, 1]
