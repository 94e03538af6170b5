"""Outputs of any named layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gatefield.core.errors import ArgumentError
from gatefield.functional.layer_outputs import (
    evaluating,
    find_layer,
    innermost_layers,
    layer_inputs,
    layer_outputs,
    leaf_outputs,
)
from gatefield.models.vision.googlenet import GoogLeNet
from gatefield.models.vision.resnet import ResNet
from gatefield.recurrent import GRU, Recurrent

X = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_every_layer_is_what_the_parts_compute():
    torch.manual_seed(0)
    net = ResNet((3, 32, 32), 4, [1, 2], stem="cifar", width=0.25).eval()
    found = layer_outputs(net, X, ["classifier.output", "stages.stage1", "stem"])
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
        layer_outputs(net, x, ["features.conv9"])
    assert "did you mean 'features.conv" in caught.value.hint
    with pytest.raises(ArgumentError, match="did not run"):
        layer_outputs(net, x, ["heads.inception4a"])
    with pytest.raises(ArgumentError, match="is not in"):
        layer_outputs(net, x, [""])
    shared = nn.ReLU()
    with pytest.raises(ArgumentError, match="'0' runs more than once"):
        layer_outputs(nn.Sequential(shared, shared), x, ["0"])
    outer = nn.Sequential(Pair())
    with pytest.raises(ArgumentError, match="puts out a dict"):
        layer_outputs(outer, torch.zeros(1, 2, 3), ["0"])
    assert hooks(net) == hooks(outer) == 0


class Pair(nn.Module):
    """Puts out no tensor, though it runs a layer that does."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 2)

    def forward(self, x):
        return {"y": self.inner(x)}


class Reader(nn.Module):
    """Embeds symbols, reads them with a recurrent layer of cells, scales twice by the same layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.layer = nn.Embedding(7, 3), Recurrent(GRU(3, 4))
        self.block, self.twice = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True)), nn.Identity()

    def forward(self, tokens, lengths=None):
        return self.twice(self.block(self.twice(self.layer(self.embedding(tokens), lengths=lengths)[0])))


TOKENS = torch.tensor([[1, 5, 2, 0], [3, 4, 6, 6]])


def test_the_first_of_several_outputs_counts_and_is_a_copy():
    model = Reader().eval()
    inputs = (TOKENS, torch.tensor([3, 4]))
    found = layer_outputs(model, inputs, ["layer", "block.0"])
    wanted = model.layer(model.embedding(TOKENS), lengths=inputs[1])[0]
    assert torch.equal(found["layer"], wanted)
    assert torch.equal(found["block.0"], model.block[0](wanted))  # the rectifier behind it works in place


def test_what_a_layer_is_given():
    model = Reader()
    given = layer_inputs(model, TOKENS, "block")
    assert torch.equal(given, model.eval().layer(model.embedding(TOKENS))[0])
    assert not given.requires_grad
    model.train()
    layer_inputs(model, TOKENS, "layer")
    assert model.training
    assert all(not module._forward_pre_hooks for module in model.modules())
    with pytest.raises(ArgumentError, match="is not in this network") as caught:
        layer_inputs(model, TOKENS, "blok")
    assert "did you mean 'block'" in caught.value.hint
    model.aside = nn.Linear(1, 1)
    with pytest.raises(ArgumentError, match="did not run"):
        layer_inputs(model, TOKENS, "aside")


def test_innermost_layers_run_once_and_hold_no_other():
    model = Reader().eval()
    names = innermost_layers(model, TOKENS)
    assert names == ["embedding", "layer", "block.0", "block.1"]  # not the block, nor what runs twice, nor cells
    net = ResNet((3, 32, 32), 4, [1, 1], stem="cifar", width=0.25).eval()
    assert innermost_layers(net, X) == [name for name in leaf_outputs(net, X) if name]


def test_modes_come_back_each_as_it_was():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout().eval(), nn.ReLU()))
    with evaluating(net):
        assert not any(module.training for module in net.modules())
    with pytest.raises(ArgumentError), evaluating(net):
        find_layer(net, "nowhere")
    assert [module.training for module in net.modules()] == [True, True, True, False, True]
