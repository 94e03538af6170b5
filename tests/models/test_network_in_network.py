"""Network in Network against its published settings."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.models.vision.network_in_network import NetworkInNetwork

SOURCE = torch.Generator().manual_seed(0)


def test_parameters():
    with torch.device("meta"):
        small, large = NetworkInNetwork((3, 32, 32), 10), NetworkInNetwork((3, 224, 224), 1000, table="imagenet")
    assert sum(parameter.numel() for parameter in small.parameters()) == 966_986
    assert sum(parameter.numel() for parameter in large.parameters()) == 7_595_176


def test_the_head_has_no_weights():
    """Catalogue 60, claim 29: the last maps are the classes; a full connection of 192 8x8 maps has 122,880."""
    net = NetworkInNetwork((3, 32, 32), 10)
    assert not list(net.classifier.parameters())
    maps = net.features(torch.randn(2, 3, 32, 32, generator=SOURCE))
    assert maps.shape == (2, 10, 8, 8)
    torch.testing.assert_close(net.classifier(maps), maps.mean((2, 3)))


def test_computes_its_description():
    torch.manual_seed(0)
    net = NetworkInNetwork((2, 20, 17), 4, width=0.1).eval()
    x = torch.randn(3, 2, 20, 17, generator=SOURCE)
    h, w = x, list(net.state_dict().values())
    for number, (sides, layers) in enumerate(((5, 3), (5, 3), (3, 3))):
        for layer in range(layers):
            kernel, bias = w.pop(0), w.pop(0)
            assert kernel.shape[-1] == (sides if layer == 0 else 1)
            h = F.conv2d(h, kernel, bias, padding=kernel.shape[-1] // 2)
            h = h if (number, layer) == (2, 2) else F.relu(h)
        h = F.max_pool2d(h, 3, 2, ceil_mode=True) if number < 2 else h
    torch.testing.assert_close(net(x).detach(), h.mean((2, 3)))


def test_smallest_image():
    with pytest.raises(ArgumentError, match="too small") as caught:
        NetworkInNetwork((1, 1, 40), 3, table="imagenet", width=0.05)
    smallest = int(caught.value.hint.rpartition("x")[2])
    assert NetworkInNetwork((1, smallest, smallest), 3, table="imagenet", width=0.05)
    with pytest.raises(ArgumentError, match="too small"):
        NetworkInNetwork((1, smallest - 1, 40), 3, table="imagenet", width=0.05)
