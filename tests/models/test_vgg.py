"""VGG against Table 1 and 2 of the paper."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gatefield.core.errors import ArgumentError
from gatefield.layers.local_response_normalization import LocalResponseNormalization
from gatefield.layers.max_pooling import MaxPool2d
from gatefield.models.vision.vgg import VGG

SOURCE = torch.Generator().manual_seed(0)

#: Catalogue 19, claim 25: Table 2 prints 133, 133, 133, 134, 138 and 144 million.
PARAMETERS = {
    "vgg11": 132_863_336,
    "vgg11-lrn": 132_863_336,
    "vgg13": 133_047_848,
    "vgg16-1x1": 133_638_952,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "vgg11-bn": 132_868_840,
    "vgg13-bn": 133_053_736,
    "vgg16-bn": 138_365_992,
    "vgg19-bn": 143_678_248,
}
#: Table 1, column by column; the third number is the side of the kernel.
COLUMNS = {
    "vgg11": "64 M 128 M 256 256 M 512 512 M 512 512 M",
    "vgg13": "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    "vgg16-1x1": "64 64 M 128 128 M 256 256 256:1 M 512 512 512:1 M 512 512 512:1 M",
    "vgg16": "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    "vgg19": "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


def build(name: str, **arguments) -> VGG:
    with torch.device("meta"):
        return VGG((3, 224, 224), 1000, **{**VGG.presets[name], **arguments})


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_of_table_2(name):
    assert sum(parameter.numel() for parameter in build(name).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", COLUMNS)
def test_layers_of_table_1(name):
    drawn = []
    for layer in build(name).features:
        if isinstance(layer, nn.MaxPool2d):
            drawn.append("M")
        elif isinstance(layer, nn.Conv2d):
            side = layer.kernel_size[0]
            drawn.append(str(layer.out_channels) + (f":{side}" if side != 3 else ""))
    assert " ".join(drawn) == COLUMNS[name]


def test_local_response_normalization_stands_after_the_first_rectifier():
    kinds = [type(layer) for layer in build("vgg11-lrn").features][:4]
    assert kinds == [nn.Conv2d, nn.ReLU, LocalResponseNormalization, MaxPool2d]


def test_computes_its_table():
    torch.manual_seed(0)
    net = VGG((2, 33, 64), 4, depth=16, third=1, width=0.125, hidden=20).eval()
    x = torch.randn(2, 2, 33, 64, generator=SOURCE)
    w, h = net.state_dict(), x
    for stage, count in enumerate((2, 2, 3, 3, 3), start=1):
        for number in range(1, count + 1):
            kernel = w[f"features.conv{stage}_{number}.weight"]
            h = F.relu(F.conv2d(h, kernel, w[f"features.conv{stage}_{number}.bias"], padding=kernel.shape[-1] // 2))
        h = F.max_pool2d(h, 2)
    h = h.flatten(1)
    for layer in ("fc6", "fc7"):
        h = F.relu(F.linear(h, w[f"classifier.{layer}.weight"], w[f"classifier.{layer}.bias"]))
    expected = F.linear(h, w["classifier.output.weight"], w["classifier.output.bias"])
    torch.testing.assert_close(net(x).detach(), expected)


def test_dropout_only_in_training():
    torch.manual_seed(0)
    net, x = VGG((1, 32, 32), 3, depth=11, width=0.125, hidden=40), torch.randn(2, 1, 32, 32, generator=SOURCE)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_what_cannot_be_built():
    with pytest.raises(ArgumentError, match="31x40 is too small") as caught:
        VGG((1, 31, 40), 3, width=0.1)
    assert "at least 32x32" in caught.value.hint
    assert caught.value.path == ("input_shape",)
    with pytest.raises(ArgumentError, match="third convolution") as caught:
        VGG((1, 32, 32), 3, depth=13, third=1)
    assert caught.value.path == ("third",)
