"""LeNet-5 against the counts of the paper and a transcription of it."""

from __future__ import annotations

import numpy
import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError
from gatefield.layers.connection_table import LENET5_C3
from gatefield.models.vision.lenet5 import LeNet5

PAPER = LeNet5.presets["lenet5-1998"]
SOURCE = torch.Generator().manual_seed(0)


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("side", [32, 28])
def test_parameters_of_the_paper(side):
    """Section II.B: 156, 12, 1,516, 32, 48,120 and 10,164 parameters; 60,000 in all."""
    net = LeNet5((1, side, side), 10, **PAPER)
    layers = [net.features.c1, net.features.s2, net.features.c3, net.features.s4, net.classifier.c5, net.classifier.f6]
    assert [parameters(layer) for layer in layers] == [156, 12, 1516, 32, 48120, 10164]
    assert parameters(net) == 60_000


@pytest.mark.parametrize("side", [32, 28])
def test_parameters_of_the_decks(side):
    """Catalogue 68: with a dense C3, plain pooling and a linear output."""
    assert parameters(LeNet5((1, side, side), 10)) == 61_706


def test_28_is_padded_to_32():
    torch.manual_seed(0)
    small, large = LeNet5((1, 28, 28), 10), LeNet5((1, 32, 32), 10)
    large.load_state_dict(small.state_dict())
    x = torch.randn(3, 1, 28, 28, generator=SOURCE)
    torch.testing.assert_close(small(x), large(F.pad(x, (2, 2, 2, 2))))


def test_equals_a_transcription_of_the_paper():
    torch.manual_seed(0)
    net = LeNet5((1, 32, 32), 10, **PAPER).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=SOURCE))
    x = torch.randn(2, 1, 32, 32, generator=SOURCE, dtype=torch.float64)
    weights = {key: value.numpy() for key, value in net.state_dict().items()}
    expected = [transcription(image, weights) for image in x.numpy()]
    torch.testing.assert_close(net(x).detach(), torch.from_numpy(numpy.stack(expected)), rtol=1e-10, atol=1e-10)


def transcription(image: numpy.ndarray, weights: dict[str, numpy.ndarray]) -> numpy.ndarray:
    """Section II.B map by map."""

    def squash(a):
        return 1.7159 * numpy.tanh(2 / 3 * a)

    def correlate(x, kernel):
        side = x.shape[0] - 4
        return numpy.array([[(x[i : i + 5, j : j + 5] * kernel).sum() for j in range(side)] for i in range(side)])

    def subsample(maps, layer):
        coefficients, biases = weights[f"features.{layer}.pooling.weight"], weights[f"features.{layer}.pooling.bias"]
        sums = [x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2] for x in maps]
        return [squash(w * total + b) for w, total, b in zip(coefficients, sums, biases)]

    kernels, biases = weights["features.c1.weight"], weights["features.c1.bias"]
    c1 = [squash(correlate(image[0], kernels[o, 0]) + biases[o]) for o in range(6)]
    s2 = subsample(c1, "s2")
    kernels, biases = iter(weights["features.c3.weight"]), weights["features.c3.bias"]
    sums = [sum(correlate(s2[source], next(kernels)) for source in sources) for sources in LENET5_C3]
    c3 = [squash(total + bias) for total, bias in zip(sums, biases)]
    s4 = numpy.stack(subsample(c3, "s4"))
    c5 = squash(weights["classifier.c5.weight"] @ s4.reshape(-1) + weights["classifier.c5.bias"])
    f6 = squash(weights["classifier.f6.weight"] @ c5 + weights["classifier.f6.bias"])
    return ((f6 - weights["classifier.output.codes"]) ** 2).sum(1)


@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "gelu", "tanh", "scaled-tanh", "sigmoid"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_activates_before_pooling_as_far_as_anyone_can_tell(activation, pooling):
    """The order of the lectures, written out, has the same outputs and gradients."""
    torch.manual_seed(0)
    net = LeNet5((1, 20, 23), 3, activation=activation, pooling=pooling).double()
    x = torch.randn(4, 1, 20, 23, generator=SOURCE, dtype=torch.float64)
    f, pool = net.classifier.c5_activation, {"max": F.max_pool2d, "average": F.avg_pool2d}[pooling]
    written = net.classifier(pool(f(net.features.c3(pool(f(net.features.c1(x)), 2))), 2))
    torch.testing.assert_close(net(x), written, rtol=1e-14, atol=1e-14)
    weights = list(net.parameters())
    mine, other = (torch.autograd.grad(y.square().sum(), weights) for y in (net(x), written))
    torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("padding", "smallest"), [("auto", 12), (2, 12), (0, 16)])
def test_smallest_image(padding, smallest):
    net = LeNet5((3, smallest, smallest + 9), 4, padding=padding)
    assert net(torch.randn(2, 3, smallest, smallest + 9, generator=SOURCE)).shape == (2, 4)
    with pytest.raises(ArgumentError, match="too small") as caught:
        LeNet5((3, smallest - 1, smallest + 9), 4, padding=padding)
    assert f"at least {smallest}x{smallest}" in caught.value.hint
    assert caught.value.path == ("input_shape",)


def test_the_table_needs_the_maps_of_the_paper():
    with pytest.raises(ArgumentError, match="not 6 to 32") as caught:
        LeNet5((1, 32, 32), 10, channels=(6, 32), connections="table")
    assert "dense" in caught.value.hint


def test_the_paper_net_learns():
    """Distances of a batch fall towards the code of each label, and nearest codes are the labels."""
    torch.manual_seed(0)
    net = LeNet5((1, 28, 28), 10, **PAPER)
    x, labels = torch.randn(20, 1, 28, 28, generator=SOURCE), torch.arange(20) % 10
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(80):
        optimizer.zero_grad()
        F.cross_entropy(-net(x), labels).backward()
        optimizer.step()
    assert torch.equal(net(x).argmin(1), labels)
