"""Summaries: counts by hand and by torch, receptive fields by gradient, and nothing left behind."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gatefield.models.sequence.tcn import TCN
from gatefield.models.summary import summarize
from gatefield.models.vision.lenet5 import LeNet5


class Residual(nn.Module):
    """Branches of different depth, joined by a sum, then by a concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, (5, 3), padding=(2, 1))
        self.pool = nn.AvgPool2d(2)
        self.c = nn.Conv2d(4, 3, 3, stride=2, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        y = F.softplus(self.a(x))
        y = x + self.b(y)
        return self.c(self.pool(torch.cat([y, x], 1)))


class Pooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.average = nn.Conv1d(2, 4, 3), nn.AdaptiveAvgPool1d(1)
        self.pool, self.head = nn.MaxPool1d(2), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.average(self.pool(self.convolution(x))).squeeze(-1))


def support(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Extent of the input cells that the middle output unit depends on."""
    x = torch.rand(1, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    y = module.double()(x)[0]
    y[(0, *(size // 2 for size in y.shape[1:]))].backward()
    cells = x.grad[0].abs().sum(0).nonzero()
    return tuple((cells.amax(0) - cells.amin(0) + 1).tolist())


def test_lenet5_by_hand():
    """Multiply-adds: C1 28^2 6 25, C3 10^2 16 150, C5 400 120, F6 120 84, output 84 10."""
    summary = summarize(LeNet5((1, 32, 32), 10), (1, 32, 32))
    rows = {row.name.rpartition(".")[2]: row for row in summary.layers}
    costs = {"c1": 117_600, "c3": 240_000, "c5": 48_000, "f6": 10_080, "output": 840}
    assert {name: rows[name].multiply_adds for name in costs} == costs
    assert summary.multiply_adds == sum(costs.values()) == 416_520
    assert (summary.parameters, summary.trainable) == (61_706, 61_706)
    fields = {"c1": 5, "s2": 6, "c3": 14, "s4": 16, "flatten": 16, "c5": 32, "output": 32}
    assert {name: rows[name].receptive_field for name in fields} == {n: (side, side) for n, side in fields.items()}
    assert rows["s4"].output_shape == (16, 5, 5)


def test_lenet5_of_the_paper_by_hand():
    """C3 has 60 kernels of 25 taps at 100 places; a sub-sampling unit multiplies once; the output 10 codes of 84."""
    net = LeNet5((1, 32, 32), 10, **LeNet5.presets["lenet5-1998"])
    rows = {row.name: row for row in summarize(net, (1, 32, 32)).layers}
    assert rows["features.c3"].multiply_adds == 150_000
    assert rows["features.s2.pooling"].multiply_adds == 6 * 14 * 14
    assert rows["classifier.output"].multiply_adds == 840
    assert rows["features.s4.pooling"].receptive_field == (16, 16)


def test_branches():
    summary = summarize(Residual(), (2, 30, 30))
    fields = {row.name: row.receptive_field for row in summary.layers}
    # y joins x (1) and b after a: 1 + 2 + 4 by 1 + 2 + 2; pooling adds 1; c adds (3 - 1) 2 2
    assert fields == {"a": (3, 3), "b": (7, 5), "pool": (8, 6), "c": (16, 14)}
    assert fields["c"] == support(Residual(), (2, 30, 30))


def test_global_layers_see_the_whole_input():
    fields = {row.name: row.receptive_field for row in summarize(Pooled(), (2, 20)).layers}
    assert fields == {"convolution": (3,), "pool": (4,), "average": (20,), "head": (20,)}


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Conv1d(3, 4, 3, stride=2, dilation=2), (3, 40)),
        (nn.Sequential(nn.Conv2d(2, 4, 3), nn.ConvTranspose2d(4, 2, 4, stride=2, padding=1)), (2, 12, 14)),
        (nn.Sequential(nn.Conv3d(2, 4, 3), nn.AvgPool3d(2)), (2, 9, 9, 9)),
        (nn.Sequential(nn.Conv1d(2, 2, 3, groups=2), nn.AvgPool1d(3, 2), nn.Conv1d(2, 5, 1)), (2, 40)),
        (nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.AvgPool2d(2)), (2, 12, 12)),
    ],
)
def test_against_torch(module, shape):
    summary = summarize(module, shape)
    with FlopCounterMode(display=False) as counter:
        module(torch.randn(1, *shape, generator=torch.Generator().manual_seed(0)))
    assert 2 * summary.multiply_adds == counter.get_total_flops()
    last = summary.layers[-1]
    assert last.receptive_field == support(module.eval(), shape)
    assert last.output_shape == module.float()(torch.zeros(1, *shape)).shape[1:]


def test_unknown_is_said_and_not_guessed():
    class Resized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3), nn.Linear(49, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.b(self.a(x)[:, :, 2:-2, 1:-3]).flatten(1))

    summary = summarize(Resized(), (1, 15, 15))
    assert [row.receptive_field for row in summary.layers] == [(3, 3), None, (15, 15)]
    assert "?" in str(summary)


def test_shared_and_frozen_parameters_count_once():
    shared = nn.Linear(6, 6)
    net = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(6, 2))
    shared.requires_grad_(False)
    summary = summarize(net, (6,))
    assert summary.parameters == 42 + 14 == sum(row.parameters for row in summary.layers)
    assert summary.trainable == 14
    assert summary.multiply_adds == 36 + 36 + 12
    assert "42 of the parameters are frozen" in str(summary)


def test_parameters_beside_layers_are_counted():
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain, self.inner = nn.Parameter(torch.ones(3)), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.gain * self.inner(x)

    rows = summarize(nn.Sequential(Scaled()), (4,)).layers
    assert [(row.name, row.parameters) for row in rows] == [("0.inner", 15), ("0", 3)]


def test_a_huge_network_costs_nothing():
    with torch.device("meta"):
        net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 224 * 224, 100_000), nn.Linear(100_000, 100_000))
    assert summarize(net, (3, 224, 224)).parameters == 150_529 * 100_000 + 100_001 * 100_000


class Broken(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("broken")


@pytest.mark.parametrize("broken", [False, True])
def test_leaves_nothing_behind(broken):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), Broken() if broken else nn.ReLU())
    net.train()
    net[1].eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    if broken:
        with pytest.raises(RuntimeError, match="broken"):
            summarize(net, (1, 8, 8))
    else:
        summarize(net, (1, 8, 8))
    assert [module.training for module in net.modules()] == [True, True, False, True, True]
    assert not any(module._forward_hooks for module in net.modules())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(parameter.device.type == "cpu" for parameter in net.parameters())


def test_json():
    content = json.loads(json.dumps(summarize(LeNet5((1, 28, 28), 10), (1, 28, 28)).to_dict()))
    assert {"name", "parameters", "multiply_adds", "layers"} <= set(content)
    assert content["name"] == "lenet5"
    assert content["layers"][0]["output_shape"] == [6, 28, 28]
    assert content["layers"][0]["receptive_field"] == [5, 5]


def test_table():
    lines = str(summarize(LeNet5((1, 32, 32), 10), (1, 32, 32))).splitlines()
    assert "lenet5" in lines[0]
    assert any(line.split() == ["features.c1", "Conv2d", "6x28x28", "156", "117,600", "5x5"] for line in lines)
    assert lines[-1].split() == ["total", "61,706", "416,520"]


@pytest.mark.parametrize("kernel_size", [2, 5])
def test_a_network_in_time_sees_steps(kernel_size):
    """1 + (k - 1) (1 + 1 + 2 + 2) steps after two blocks, 1 + 2 (k - 1) after one; weights count every step."""
    net = TCN(3, 4, [6, 5], kernel_size)
    summary = summarize(net, (30, 3), sequence=True)
    fields = {row.name: row.receptive_field for row in summary.layers}
    assert fields["encoder.blocks.block1.activation"] == (1 + 2 * (kernel_size - 1),)
    assert fields["classifier"] == (net.receptive_field,) == (1 + 6 * (kernel_size - 1),)
    weights = kernel_size * (3 * 6 + 6 * 6 + 6 * 5 + 5 * 5) + 3 * 6 + 6 * 5 + 5 * 4
    assert summary.multiply_adds == 30 * weights
    assert summary.parameters == sum(row.parameters for row in summary.layers)
