"""AlexNet against the counts of the paper and a functional transcription, tower by tower."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gatefield.core.errors import ArgumentError
from gatefield.models.summary import summarize
from gatefield.models.vision.alexnet import AlexNet

SOURCE = torch.Generator().manual_seed(0)
SMALL = {"width": 1 / 16, "hidden": 12}


def build(shape=(3, 227, 227), **arguments) -> AlexNet:
    with torch.device("meta"):
        return AlexNet(shape, 1000, **arguments)


def count(net: AlexNet) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("shape", [(3, 227, 227), (3, 224, 224)])
def test_parameters_and_units_of_the_paper(shape):
    """Catalogue 22: "60 million parameters and 650,000 neurons", and section 3.5 unit by unit."""
    net = build(shape)
    assert count(net) == 60_965_224
    rows = {row.name: row for row in summarize(net, shape).layers}
    layers = [*(f"features.conv{number}" for number in range(1, 6)), "classifier.fc6", "classifier.fc7"]
    units = [torch.Size(rows[name].output_shape).numel() for name in [*layers, "classifier.output"]]
    assert units == [290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]
    assert sum(units) == 659_272


def test_parameters_of_the_other_forms():
    """Erratum 11: one tower with 64 filters is the net of 2014; erratum 16: the order changes no parameter."""
    one = build((3, 224, 224), **AlexNet.presets["alexnet-one-tower"])
    assert count(one) == 61_100_840
    assert one.features.conv1.weight.shape == (64, 3, 11, 11)
    assert count(build(**AlexNet.presets["alexnet-pool-norm"])) == 60_965_224
    undivided = 2 * 307_200 + 884_736 + 2 * 663_552 + 2 * 442_368
    divided = sum(build().get_submodule(f"features.conv{number}").weight.numel() for number in (2, 3, 4, 5))
    assert undivided - divided == 307_200 + 663_552 + 442_368


def response(x: Tensor) -> Tensor:
    """b_i = a_i / (2 + 1e-4 sum over 5 maps of a_j^2)^0.75, section 3.3."""
    squares = F.pad(x.square(), (0, 0, 0, 0, 2, 2))
    sums = sum(squares[:, shift : shift + x.shape[1]] for shift in range(5))
    return x / (2 + 1e-4 * sums) ** 0.75


@pytest.mark.parametrize("order", ["norm-pool", "pool-norm", "none"])
def test_computes_the_paper_tower_by_tower(order):
    torch.manual_seed(0)
    net = AlexNet((3, 70, 67), 5, normalization=order, **SMALL).eval().double()
    x = 30 * torch.randn(2, 3, 70, 67, generator=SOURCE, dtype=torch.float64)
    w = net.state_dict()

    def convolve(x: Tensor, layer: str, towers: int, stride: int = 1, padding: int = 1) -> Tensor:
        kernels, biases = (w[f"features.{layer}.{kind}"].chunk(towers) for kind in ("weight", "bias"))
        halves = zip(x.chunk(towers, 1), kernels, biases)
        return F.relu(torch.cat([F.conv2d(*half, stride, padding) for half in halves], 1))

    def pool(x: Tensor) -> Tensor:
        if order == "none":
            return F.max_pool2d(x, 3, 2)
        return F.max_pool2d(response(x), 3, 2) if order == "norm-pool" else response(F.max_pool2d(x, 3, 2))

    h = pool(convolve(x, "conv1", 1, 4, 2))
    h = pool(convolve(h, "conv2", 2, padding=2))
    h = convolve(convolve(convolve(h, "conv3", 1), "conv4", 2), "conv5", 2)
    h = F.max_pool2d(h, 3, 2).flatten(1)
    for layer in ("fc6", "fc7"):
        h = F.relu(F.linear(h, w[f"classifier.{layer}.weight"], w[f"classifier.{layer}.bias"]))
    expected = F.linear(h, w["classifier.output.weight"], w["classifier.output.bias"])
    torch.testing.assert_close(net(x).detach(), expected)


def test_towers_do_not_see_each_other():
    """Section 3.5: conv4 and conv5 read their own tower, conv3 reads both."""
    net = AlexNet((3, 67, 67), 5, **SMALL)
    assert [net.get_submodule(f"features.conv{number}").groups for number in range(1, 6)] == [1, 2, 1, 2, 2]


@pytest.mark.parametrize(("padding", "smallest"), [("auto", 63), (0, 67)])
def test_smallest_image(padding, smallest):
    assert AlexNet((1, smallest, smallest), 2, padding=padding, **SMALL)
    with pytest.raises(ArgumentError, match="too small") as caught:
        AlexNet((1, smallest - 1, 300), 2, padding=padding, **SMALL)
    assert f"at least {smallest}x{smallest}" in caught.value.hint


def test_dropout_follows_both_hidden_layers():
    """Not before them, as in torchvision: section 4.2 silences hidden neurons."""
    names = list(dict(AlexNet((1, 63, 63), 2, **SMALL).classifier.named_children()))
    assert names == ["flatten", "fc6", "activation6", "dropout6", "fc7", "activation7", "dropout7", "output"]
