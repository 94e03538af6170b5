"""Climbing an activation: it rises, beats chance, keeps within bounds, and leaves the network as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gatefield.core.errors import ArgumentError, InputError
from gatefield.explain.activation_maximization import maximize_activation, roughness
from gatefield.models.vision.lenet5 import LeNet5


def lenet() -> LeNet5:
    torch.manual_seed(0)
    return LeNet5((1, 28, 28), 10)


def activation(net: nn.Module, layer: str, x: torch.Tensor) -> torch.Tensor:
    found = {}
    hook = net.get_submodule(layer).register_forward_hook(lambda *given: found.update(y=given[2]))
    net.eval()(x)
    hook.remove()
    return found["y"].detach().flatten(2).mean(2) if found["y"].dim() > 2 else found["y"].detach()


def test_the_activation_rises_and_beats_chance_by_far():
    net = lenet()
    layer = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)][1]
    units = [0, 3, 5]
    found = maximize_activation(net, layer, units, (1, 28, 28), steps=120, low=-1.0, high=1.0)
    assert net.training
    assert found.inputs.shape == (3, 1, 28, 28)
    assert found.activation.shape == (121, 3)
    assert found.inputs.min() >= -1
    assert found.inputs.max() <= 1
    reached = activation(net, layer, found.inputs)[range(3), units]
    assert torch.allclose(reached, found.activation[-1], atol=1e-5)
    chance = activation(net, layer, torch.rand(500, 1, 28, 28, generator=torch.Generator().manual_seed(1)) * 2 - 1)
    assert (reached > chance[:, units].max(0).values).all()
    quarters = found.activation[:120].unfold(0, 30, 30).mean(2)
    assert (quarters[1:] > quarters[0]).all()
    rise = quarters[-1] - found.activation[0]
    assert (quarters.diff(dim=0) > -0.05 * rise).all()  # once up, the jitter shakes it no more than this
    assert all(parameter.grad is None for parameter in net.parameters())
    assert sum(len(module._forward_hooks) for module in net.modules()) == 0


def test_of_a_linear_unit_the_best_input_is_known():
    """argmax w.x - l2 mean x^2 is w n / (2 l2)."""
    net = nn.Sequential(nn.Linear(6, 3, dtype=torch.float64))
    found = maximize_activation(net, "0", [2, 0], (6,), steps=1200, rate=0.05, jitter=0, l2=0.5, total_variation=0)
    best = net[0].weight.detach()[[2, 0]] * 6 / (2 * 0.5)
    assert torch.allclose(found.inputs, best, atol=1e-3)


def test_each_input_climbs_by_itself():
    net = lenet()
    together = maximize_activation(net, "classifier", [1, 7], (1, 28, 28), steps=10, jitter=0)
    assert together.inputs[0].ne(together.inputs[1]).any()
    again = maximize_activation(net, "classifier", [1, 7], (1, 28, 28), steps=10, jitter=0)
    assert torch.equal(together.inputs, again.inputs)


def test_regularizers_do_what_they_are_for():
    settings = {"layer": "classifier", "units": [2], "shape": (1, 28, 28), "steps": 60}
    free = maximize_activation(lenet(), l2=0, total_variation=0, **settings).inputs
    smooth = maximize_activation(lenet(), l2=0, total_variation=20, **settings).inputs
    small = maximize_activation(lenet(), l2=20, total_variation=0, **settings).inputs
    assert roughness(smooth) < 0.5 * roughness(free)
    assert small.square().mean() < 0.5 * free.square().mean()


def test_roughness_by_hand():
    x = torch.tensor([[[0.0, 1.0, 3.0], [0.0, 1.0, 5.0]]])[None]
    assert roughness(x).tolist() == pytest.approx([(1 + 4 + 1 + 16) / 4 + (0 + 0 + 4) / 3])
    assert roughness(torch.zeros(2, 5)).tolist() == [0, 0]
    signal = torch.tensor([[[0.0, 2.0, 2.0]]])
    assert roughness(signal).tolist() == [2]


def test_networks_on_signals():
    net = nn.Sequential(nn.Conv1d(2, 3, 5), nn.ReLU())
    found = maximize_activation(net, "0", [1], (2, 30), steps=40)
    assert found.activation[-1] > found.activation[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"units": [10]}, r"puts out \(10,\), asked for the units \[10\]"),
        ({"layer": "clasifier"}, "'clasifier' is not in this network"),
        ({"steps": 0}, "steps is 0"),
        ({"rate": 0.0}, "rate is 0.0"),
        ({"jitter": -1}, "jitter is -1"),
        ({"l2": -0.1}, "l2 is -0.1"),
    ],
)
def test_numbers_out_of_their_interval(settings, message):
    with pytest.raises(ArgumentError, match=message):
        maximize_activation(lenet(), **{"layer": "classifier", "units": [0], "shape": (1, 28, 28), **settings})


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_interrupted_climb_leaves_no_trace(error):
    net = lenet()
    net.get_submodule("classifier").eval()
    modes = [module.training for module in net.modules()]
    before = {name: values.clone() for name, values in net.state_dict().items()}
    calls = 0

    def interrupt(*_given):
        nonlocal calls
        calls += 1
        if calls == 5:
            raise error

    own = net.register_forward_hook(interrupt)
    with pytest.raises(error):
        maximize_activation(net, "classifier", [0], (1, 28, 28))
    own.remove()
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(values, before[name]) for name, values in net.state_dict().items())
    assert sum(len(module._forward_hooks) for module in net.modules()) == 0


def test_units_without_a_gradient():
    class Detached(nn.Module):
        def forward(self, x):
            return x.detach() * 2

    with pytest.raises(InputError, match="no gradient"):
        maximize_activation(nn.Sequential(Detached()), "0", [0], (2, 3, 3), l2=0, total_variation=0)
