"""GoogLeNet against Table 1 of the paper, and its auxiliary heads."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from gatefield.core.errors import ArgumentError
from gatefield.models.summary import summarize
from gatefield.models.vision.googlenet import GoogLeNet
from gatefield.training.forward import Forward
from gatefield.training.objectives.cross_entropy import CrossEntropy

SOURCE = torch.Generator().manual_seed(0)


class TensorBatch(NamedTuple):
    inputs: Tensor
    targets: Tensor
    indices: Tensor
    size: int
    share: float = 1.0


def build(shape=(3, 224, 224), classes: int = 1000, **arguments) -> GoogLeNet:
    with torch.device("meta"):
        return GoogLeNet(shape, classes, **arguments)


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_parameters():
    """Erratum 6: not 5 and not 4 million, and there is a fully connected layer."""
    net = build()
    assert count(net) == 6_998_552
    assert count(net) - count(net.classifier) == 5_973_552
    assert round(60_965_224 / count(net), 1) == 8.7
    assert round(138_357_544 / count(net), 1) == 19.8
    assert count(build(auxiliary=True)) == 13_378_280
    assert count(build(**GoogLeNet.presets["googlenet-3x3"])) == 6_624_904


def test_output_sizes_of_table_1():
    rows = {row.name: row.output_shape for row in summarize(build(), (3, 224, 224)).layers}
    assert rows["features.conv1.activation"] == (64, 112, 112)
    assert rows["features.pool1"] == (64, 56, 56)
    assert rows["features.conv2.activation"] == (192, 56, 56)
    assert rows["features.pool2"] == (192, 28, 28)
    channels = {"3a": 256, "3b": 480, "4a": 512, "4b": 512, "4c": 512, "4d": 528, "4e": 832, "5a": 832, "5b": 1024}
    sides = {"3": 28, "4": 14, "5": 7}
    for name, depth in channels.items():
        shape = (depth, sides[name[0]], sides[name[0]])
        assert rows[f"features.inception{name}.concatenation"] == shape
    assert rows["classifier.output"] == (1000,)


def test_true_5x5():
    sides = [net.features.inception4c.branch5x5.conv.conv.kernel_size for net in (build(), build(largest_kernel=3))]
    assert sides == [(5, 5), (3, 3)]


def test_heads_judge_4a_and_4d_while_training():
    torch.manual_seed(0)
    net = GoogLeNet((3, 90, 80), 4, auxiliary=True, width=0.125)
    x = torch.randn(2, 3, 90, 80, generator=SOURCE)
    logits, *heads = net(x)
    assert [tuple(each.shape) for each in (logits, *heads)] == [(2, 4)] * 3
    assert net.eval()(x).shape == (2, 4)
    net.train()
    for head, deepest in ((0, "inception4a"), (1, "inception4d")):
        net.zero_grad()
        net(x)[1 + head].sum().backward()
        reached = [
            name for name, layer in net.features.named_children() if any(p.grad is not None for p in layer.parameters())
        ]
        assert reached[-1] == deepest


def test_training_adds_the_losses_of_the_heads_with_weight_three_tenths():
    torch.manual_seed(0)
    net = GoogLeNet((1, 79, 79), 3, auxiliary=True, width=0.0625)
    inputs, targets = torch.randn(4, 1, 79, 79, generator=SOURCE), torch.tensor([0, 1, 2, 0])
    batch = TensorBatch(inputs, targets, torch.arange(4), 4)
    forward = Forward(net, CrossEntropy(), torch.device("cpu"))
    torch.manual_seed(1)
    loss, outputs, _ = forward(batch)
    torch.manual_seed(1)
    logits, first, second = net(inputs)
    losses = [nn.functional.cross_entropy(each, targets) for each in (logits, first, second)]
    torch.testing.assert_close(loss, losses[0] + 0.3 * losses[1] + 0.3 * losses[2])
    assert torch.equal(outputs, logits)
    loss.backward()
    assert all(parameter.grad is not None for parameter in net.heads.parameters())


def test_smallest_image():
    assert build((1, 31, 31), width=0.1)
    with pytest.raises(ArgumentError, match="30x99 is too small") as caught:
        build((1, 30, 99))
    assert "at least 31x31" in caught.value.hint
    assert build((1, 79, 79), auxiliary=True, width=0.1)
    with pytest.raises(ArgumentError, match="too small") as caught:
        build((1, 78, 99), auxiliary=True)
    assert "79x79" in caught.value.hint
