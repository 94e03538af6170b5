"""Gradient norms by layer, over training and by lag, against autograd and the product of Jacobians."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
from torch import nn

from gatefield.core.errors import ArgumentError, InputError
from gatefield.explain.gradient_flow import (
    GradientFlow,
    LagFlow,
    gradient_by_layer,
    input_gradient_by_lag,
    state_gradient_by_lag,
)
from gatefield.explain.histograms import activation_histograms, gradient_histograms, histogram
from gatefield.explain.landscape import Snapshots
from gatefield.models.vision.mlp import MLP
from gatefield.recurrent import LSTM, Elman, Recurrent, jacobian_norms, step_jacobians
from gatefield.render.flow import gradient_by_lag_figure
from gatefield.training.history import History

X = torch.randn(32, 1, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(32) % 4


def loss(model: nn.Module) -> torch.Tensor:
    return nn.functional.cross_entropy(model(X), Y)


def deep(activation: type[nn.Module], depth: int = 8) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for k in range(depth):
        layers += [nn.Linear(64 if k == 0 else 32, 32), activation()]
    return nn.Sequential(*layers, nn.Linear(32, 4))


# --- by layer


def test_norms_are_those_of_the_gradient_and_no_gradient_is_left():
    model = deep(nn.ReLU)
    found = gradient_by_layer(model, loss)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert list(found) == ["1", "3", "5", "7", "9", "11", "13", "15", "17"]
    loss(model).backward()
    for name, norm in found.items():
        layer = model.get_submodule(name)
        assert norm == pytest.approx(math.hypot(float(layer.weight.grad.norm()), float(layer.bias.grad.norm())))
    with torch.no_grad():
        assert gradient_by_layer(model, loss) == found


def test_a_layer_that_the_loss_does_not_see_has_none_and_frozen_ones_are_left_out():
    model = nn.ModuleDict({"used": nn.Linear(64, 4), "unused": nn.Linear(2, 2)})
    model.forward = lambda x: model["used"](x.flatten(1))
    assert gradient_by_layer(model, loss)["unused"] == 0
    model["unused"].requires_grad_(False)
    assert list(gradient_by_layer(model, loss)) == ["used"]
    model.requires_grad_(False)
    with pytest.raises(InputError, match="nothing to train"):
        gradient_by_layer(model, loss)


def test_gradients_vanish_behind_sigmoids_and_not_behind_rectifiers():
    """Catalogue 121: each sigmoid multiplies by at most 1/4."""
    ratio = {}
    for activation in (nn.Sigmoid, nn.ReLU):
        model = deep(activation)
        if activation is nn.ReLU:
            for layer in model:
                if isinstance(layer, nn.Linear):
                    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        norms = list(gradient_by_layer(model, loss).values())
        ratio[activation] = norms[0] / norms[-1]
    assert ratio[nn.Sigmoid] < 1e-5
    assert ratio[nn.ReLU] > 0.05


# --- over training


def test_the_recorder_keeps_mean_norms_and_takes_its_hooks_off():
    model = deep(nn.ReLU, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    wanted = []
    with GradientFlow(model) as flow:
        flow.mark(0)
        assert flow.records == []
        for epoch in (1, 2):
            norms = []
            for part in (slice(0, 16), slice(16, 32)):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(X[part]), Y[part]).backward()
                norms.append(model[1].weight.grad.square().sum() + model[1].bias.grad.square().sum())
                optimizer.step()
            wanted.append(float(torch.stack(norms).sqrt().mean()))
            flow.mark(epoch)
    assert [record["epoch"] for record in flow.records] == [1, 2]
    assert [record["1"] for record in flow.records] == pytest.approx(wanted)
    assert list(flow.records[0]) == ["epoch", "1", "3", "5"]
    assert all(not parameter._backward_hooks for parameter in model.parameters())


def test_accumulated_passes_count_one_by_one():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    with GradientFlow(model) as flow:
        for _ in range(3):
            loss(model).backward()
        flow.mark(7)
    once = gradient_by_layer(model, loss)["1"]
    assert flow.records == [{"epoch": 7, "1": pytest.approx(once)}]


def test_a_layer_of_which_a_part_takes_no_part():
    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))

        def forward(self):
            return (2 * self.a).sum()

    model = nn.Sequential(Half())
    with GradientFlow(model) as flow:
        model[0]().backward()
        model[0]().backward()
        flow.mark(1)
    assert flow.records == [{"epoch": 1, "0": pytest.approx(math.sqrt(12))}]


def test_as_recorders_of_the_training_loop(tmp_path):
    from gatefield.data.batching import Batches
    from gatefield.data.preparation import Preparation
    from gatefield.data.readers.digits import Digits
    from gatefield.training.checkpoint import Checkpoints
    from gatefield.training.loop import fit
    from gatefield.training.objective import objective_for
    from gatefield.training.settings import Training

    images = Digits().read().train
    small = images.subset(torch.arange(64))

    def trained(*recorders):
        torch.manual_seed(0)
        model = MLP((1, 8, 8), 10, hidden=[6])
        watchers = [recorder(model) for recorder in recorders]
        batches = Batches(small, 16, seed=0, shuffle=True, preparation=Preparation.fit(small))
        settings = Training(epochs=3)
        place = Checkpoints(tmp_path / str(len(recorders)))
        place.folder.mkdir()
        fit(model, objective_for("softmax"), settings, batches, None, place, recorders=watchers)
        return model, watchers

    model, (flow, snapshots) = trained(GradientFlow, Snapshots)
    plain, _ = trained()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters()))  # watching changes nothing
    assert [record["epoch"] for record in flow.records] == [1, 2, 3]
    assert all(norm > 0 for record in flow.records for norm in record.values())
    assert all(not parameter._backward_hooks for parameter in model.parameters())
    assert len(snapshots.checkpoints) == 4
    last = snapshots.checkpoints[-1]
    assert all(torch.equal(last[name], values) for name, values in model.named_parameters())


# --- by lag


@pytest.mark.parametrize("scale", [0.5, 1.6])
def test_by_lag_it_is_the_product_of_jacobians(scale):
    torch.manual_seed(0)
    cell = Elman(3, 5).double()
    with torch.no_grad():
        cell.U.copy_(torch.linalg.qr(torch.randn(5, 5).double())[0] * scale)
    layer = Recurrent(cell)
    x, v = torch.randn(2, 12, 3).double(), torch.randn(5).double()
    found = state_gradient_by_lag(layer, x, lambda output: (output @ v).sum())
    steps = step_jacobians(cell, x.transpose(0, 1), (torch.zeros(2, 5).double(),))  # (time, batch, n, n)
    assert found.lag.tolist() == list(range(12))
    product = v.expand(2, 5)
    for lag in range(12):
        assert torch.allclose(found.norm[lag], product.norm(dim=1), rtol=1e-9)
        product = torch.einsum("bi,bij->bj", product, steps[11 - lag])
    bound = jacobian_norms(cell, x.transpose(0, 1), (torch.zeros(2, 5).double(),))
    assert (found.norm[1:] <= bound.norm[:11] * v.norm() * (1 + 1e-9)).all()


def test_a_linear_net_vanishes_and_explodes_with_its_radius():
    for radius in (0.8, 1.25):
        cell = Elman(1, 4, activation="relu").double()
        with torch.no_grad():
            cell.W.fill_(1)
            cell.b.fill_(1)
            cell.U.copy_(torch.eye(4) * radius)
        found = state_gradient_by_lag(Recurrent(cell), torch.ones(1, 40, 1).double())
        slope = numpy.polyfit(found.lag.numpy(), found.norm[:, 0].log().numpy(), 1)[0]
        assert slope == pytest.approx(math.log(radius), rel=1e-6)


def test_states_of_all_levels_count_and_the_layer_is_left_as_it_was():
    torch.manual_seed(0)
    layer = Recurrent([LSTM(2, 3), LSTM(3, 3)], dropout=0.5)
    x = torch.randn(2, 5, 2)
    found = state_gradient_by_lag(layer, x)
    assert layer.training
    assert all(parameter.grad is None for parameter in layer.parameters())
    assert torch.allclose(found.norm[0], torch.full((2,), math.sqrt(3.0)))
    assert (found.norm > 0).all()
    one = state_gradient_by_lag(layer, x[1:])
    assert torch.allclose(one.norm[:, 0], found.norm[:, 1], rtol=1e-4)


def test_inputs_by_lag_are_the_gradient_turned_round():
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = Recurrent(LSTM(2, 3))

        def forward(self, x):
            return self.recurrent(x)[0][:, -1]

    torch.manual_seed(0)
    model, x = Reader(), torch.randn(3, 6, 2)
    found = input_gradient_by_lag(model, x)
    given = x.clone().requires_grad_()
    model(given).sum().backward()
    for lag in range(6):
        assert torch.allclose(found.norm[lag], given.grad[:, 5 - lag].norm(dim=1), atol=1e-6)
    future = nn.Conv1d(2, 2, 3)  # sees three steps
    past = input_gradient_by_lag(nn.Sequential(Transposed(), future), x, lambda y: y[:, :, -1].sum())
    assert (past.norm[:3] > 0).all()
    assert (past.norm[3:] == 0).all()


class Transposed(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


def test_over_training_the_reach_is_that_of_the_weights_of_the_epoch():
    cell = Elman(1, 4, activation="relu").double()
    with torch.no_grad():
        cell.W.fill_(1)
        cell.b.fill_(1)
    layer, x = Recurrent(cell), torch.ones(1, 9, 1).double()
    flow, records = LagFlow(lambda: state_gradient_by_lag(layer, x)), []
    for epoch, radius in enumerate((0.5, 0.7, 0.9, 1.1, 1.3)):
        with torch.no_grad():
            cell.U.copy_(torch.eye(4) * radius)
        flow.update(History(records=records))
        assert flow.records[epoch].norm[:, 0].tolist() == pytest.approx([2 * radius**lag for lag in range(9)])
        records = [*records, {"epoch": epoch + 1}]
    flow.close()
    assert list(flow.curves()) == ["epoch 0", "epoch 1", "epoch 3", "epoch 4"]
    assert list(flow.curves(1)) == ["epoch 0"]
    assert flow.curves()["epoch 4"] is flow.records[4]
    assert LagFlow(lambda: pytest.fail("measured")).curves() == {}
    assert len(gradient_by_lag_figure(flow.curves()).axes[0].lines) == 4


def test_what_has_no_lag():
    layer = Recurrent(Elman(2, 3))
    with pytest.raises(InputError, match="has no step"):
        state_gradient_by_lag(layer, torch.zeros(1, 0, 2))
    with pytest.raises(ArgumentError, match="Linear does not run step by step"):
        state_gradient_by_lag(nn.Linear(2, 2), torch.zeros(1, 3, 2))
    with pytest.raises(InputError, match="int64"):
        input_gradient_by_lag(nn.Embedding(3, 2), torch.zeros(1, 3, 1, dtype=torch.int64))


# --- histograms


def test_histograms_are_numpys():
    model = deep(nn.ReLU, 2)
    found = activation_histograms(model, X.split(10), ["1", "2"], bins=17)
    values = model[:2](X).detach().double()
    counts, edges = numpy.histogram(values.numpy(), 17)
    assert numpy.allclose(found["1"].edges, edges, atol=1e-6)
    assert int(found["1"].counts.sum()) == values.numel()
    assert numpy.abs(found["1"].counts.numpy() - counts).sum() <= 4  # batches of another size round otherwise
    assert found["1"].mean == pytest.approx(float(values.mean()), abs=1e-6)
    assert found["1"].deviation == pytest.approx(float(values.std(correction=0)), abs=1e-6)
    assert found["1"].zeros == 0
    assert found["2"].zeros == pytest.approx(float((values < 0).double().mean()), abs=1e-3)
    assert model.training


def test_histograms_of_gradients():
    model = deep(nn.ReLU, 1)
    found = gradient_histograms(model, loss, bins=9)
    loss(model).backward()
    for name, parameter in model.named_parameters():
        counts, edges = numpy.histogram(parameter.grad.double().numpy(), 9)
        assert numpy.allclose(found[name].edges, edges)
        assert (found[name].counts.numpy() == counts).all()


def test_values_that_make_no_histogram():
    constant = histogram("c", torch.full((5,), 2.0), bins=4)
    assert constant.counts.tolist() == [0, 0, 5, 0]
    assert constant.deviation == 0
    with pytest.raises(InputError, match="'c' has values that are not finite"):
        histogram("c", torch.tensor([1.0, torch.nan]))
    with pytest.raises(InputError, match="'c' has values that are not finite"):
        histogram("c", torch.tensor([1.0, torch.inf]))
    with pytest.raises(InputError, match="'c' has no values"):
        histogram("c", torch.zeros(0))
    with pytest.raises(ArgumentError, match="0 bins"):
        histogram("c", torch.zeros(1), 0)
    with pytest.raises(InputError, match="'1' has no values"):
        activation_histograms(deep(nn.ReLU, 1), [], ["1"])
