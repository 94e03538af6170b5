"""The loss around trained weights: the middle is the loss itself, steps are as long as filters, weights come back."""

from __future__ import annotations

import numpy
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from gatefield.core.errors import ArgumentError
from gatefield.explain.landscape import Snapshots, loss_line, loss_surface, moved, random_directions, trajectory
from gatefield.models.vision.resnet import ResNet
from gatefield.recurrent import LSTM, Recurrent

X = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(12) % 3


def resnet() -> ResNet:
    torch.manual_seed(0)
    net = ResNet((1, 8, 8), 3, [1, 1], stem="cifar", width=0.25)
    net(X)
    return net


def loss(model: nn.Module) -> torch.Tensor:
    return nn.functional.cross_entropy(model(X), Y)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in model.state_dict().items()}


def same(before: dict[str, torch.Tensor], model: nn.Module) -> bool:
    after = model.state_dict()
    return before.keys() == after.keys() and all(torch.equal(values, after[name]) for name, values in before.items())


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.output = Recurrent(LSTM(8, 6)), nn.Linear(6, 3)

    def forward(self, x):
        return self.output(self.recurrent(x[:, 0])[0][:, -1])


@pytest.mark.parametrize("make", [resnet, Reader])
def test_the_middle_is_the_loss_bit_for_bit(make):
    torch.manual_seed(1)
    model = make()
    grid = torch.linspace(-1, 1, 5)
    directions = random_directions(model, 2, seed=3)
    surface = loss_surface(model, loss, directions, grid, grid[1:])
    assert surface.shape == (4, 5)
    with torch.no_grad():
        assert float(surface[1, 2]) == float(loss(model.eval()))
    assert len(surface.unique()) == 20
    assert torch.equal(loss_line(model, loss, directions[0], grid), surface[1])
    assert torch.equal(loss_line(model, loss, directions[1], grid[1:]), surface[:, 2])


def test_a_point_is_the_loss_at_weights_moved_by_hand():
    model = resnet().eval()
    directions = random_directions(model, 2, seed=1)
    found = loss_surface(model, loss, directions, torch.tensor([0.3]), torch.tensor([-0.7]))
    by_hand = resnet().eval()
    with torch.no_grad():
        for name, values in by_hand.named_parameters():
            values += 0.3 * directions[0][name] - 0.7 * directions[1][name]
        assert float(found) == pytest.approx(float(loss(by_hand)), rel=1e-5)
        with moved(model, directions, [0.3, -0.7]):
            assert float(found) == float(loss(model))
        assert float(loss(model)) == float(loss(resnet().eval()))


@pytest.mark.parametrize("vectors", [False, True])
def test_filters_of_a_direction_are_as_long_as_the_networks(vectors):
    model = resnet()
    with torch.no_grad():
        model.stem[0].weight[0] = 0
    (direction,) = random_directions(model, 1, vectors=vectors)
    own = dict(model.named_parameters())
    assert direction.keys() == own.keys()
    for name, values in own.items():
        if values.dim() > 1:
            assert torch.allclose(direction[name].flatten(1).norm(dim=1), values.flatten(1).norm(dim=1), rtol=1e-5)
            cosine = nn.functional.cosine_similarity(direction[name].flatten(), values.flatten(), dim=0)
            assert cosine.abs() < 0.7
        elif vectors:
            assert torch.allclose(direction[name].norm(), values.norm(), rtol=1e-5)
        else:
            assert (direction[name] == 0).all()


def test_other_scales():
    model = resnet()
    (layer,), (none,) = random_directions(model, 1, scale="layer"), random_directions(model, 1, scale="none")
    for name, values in state(model).items():
        if values.dim() > 1:
            assert float(layer[name].norm()) == pytest.approx(float(values.norm()), rel=1e-5)
            assert torch.allclose(layer[name] / layer[name].norm(), none[name] / none[name].norm(), atol=1e-6)
            assert float(none[name].square().mean()) == pytest.approx(1, abs=0.6)


def test_scaling_a_net_that_does_not_mind_leaves_its_surface():
    """Li et al., section 4: of a net with normalization, weights times ten compute the same; so must the picture."""
    model = resnet().eval()
    grid = torch.linspace(-0.5, 0.5, 3)

    def profile(factor):
        model = resnet().eval()
        with torch.no_grad():
            model.stem[0].weight *= factor
            model.stem[1].running_mean *= factor
            model.stem[1].running_var *= factor**2
        return loss_surface(model, loss, random_directions(model, 2, seed=5), grid, grid)

    assert torch.allclose(profile(1.0), profile(8.0), atol=1e-3)
    assert profile(1.0).std() > 0.01
    assert same(state(resnet().eval()), model)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, None])
def test_weights_buffers_and_modes_come_back(error):
    model = resnet()
    model.stages.stage1.eval()
    before, modes = state(model), [module.training for module in model.modules()]
    calls = 0

    def disturb(model):
        nonlocal calls
        calls += 1
        model.train()
        value = loss(model)  # changes the statistics of the normalizations
        if error and calls == 3:
            raise error
        return value

    grid = torch.linspace(-1, 1, 3)
    if error:
        with pytest.raises(error):
            loss_surface(model, disturb, random_directions(model, 2), grid, grid)
    else:
        loss_surface(model, disturb, random_directions(model, 2), grid, grid)
    assert same(before, model)
    assert [module.training for module in model.modules()] == modes
    assert all(values.grad is None for values in model.parameters())


def test_directions_depend_on_the_seed_alone():
    one, two, other = (random_directions(resnet(), 2, seed=seed) for seed in (4, 4, 5))
    name = "stem.conv.weight"
    assert torch.equal(one[0][name], two[0][name])
    assert not torch.equal(one[0][name], other[0][name])
    assert not torch.equal(one[0][name], one[1][name])


def train(model: nn.Module, snapshots: Snapshots, epochs: int = 8) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    snapshots.take()
    for _ in range(epochs):
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
        snapshots.update(None)


def test_the_way_of_training_in_its_principal_plane():
    model = resnet()
    snapshots = Snapshots(model)
    train(model, snapshots)
    way = trajectory(model, snapshots.checkpoints)
    flat = numpy.stack(
        [torch.cat([values.flatten() for values in point.values()]).double().numpy() for point in snapshots.checkpoints]
    )
    oracle = PCA(2).fit(flat - flat[-1])
    assert torch.allclose(way.explained, torch.tensor(oracle.explained_variance_ratio_), atol=1e-6)
    for axis, direction in zip(oracle.components_, way.directions):
        found = torch.cat([values.flatten() for values in direction.values()]).double()
        assert abs(float(found @ torch.tensor(axis))) == pytest.approx(1, abs=1e-5)
        assert torch.equal(way.coordinates[-1], torch.zeros(2, dtype=torch.float64))
        along = torch.tensor(flat - flat[-1]) @ found
        assert (way.coordinates - along[:, None]).abs().min(1).values.max() < 1e-5
    # a checkpoint in the plane has its own loss, up to what the plane leaves out
    start = way.coordinates[0]
    value = float(loss_surface(model, loss, way.directions, start[:1], start[1:]))
    first = resnet()
    first.load_state_dict({**model.state_dict(), **snapshots.checkpoints[0]})
    with torch.no_grad():
        end, begin = float(loss(model.eval())), float(loss(first.eval()))
    assert abs(value - begin) < 0.2 * abs(begin - end)


def test_what_does_not_fit_is_named():
    model = resnet()
    grid = torch.zeros(1)
    one = random_directions(model, 1)
    with pytest.raises(ArgumentError, match="two directions, not 1"):
        loss_surface(model, loss, one, grid, grid)
    with pytest.raises(ArgumentError, match=r"no 'recurrent\.levels"):
        loss_line(Reader(), loss, one[0], grid)
    wide = {name: torch.zeros(2, *values.shape) for name, values in one[0].items()}
    with pytest.raises(ArgumentError, match=r"'stem\.conv\.weight' is \(2, 4, 1, 3, 3\)"):
        loss_line(model, loss, wide, grid)
    with pytest.raises(ArgumentError, match="2 checkpoints for 2 directions"):
        trajectory(model, [state(model)] * 2)
    with pytest.raises(ArgumentError, match="0 directions"):
        random_directions(model, 0)
    still = trajectory(model, [state(model)] * 3)
    assert (still.coordinates == 0).all()
    assert (still.explained == 0).all()


def test_a_loss_that_is_not_finite_is_told_as_it_is():
    model = resnet()
    assert loss_line(model, lambda _: float("nan"), random_directions(model, 1)[0], torch.zeros(2)).isnan().all()
