"""Lesions do what the equations say, and leave no trace, whatever happens inside."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy.stats import kendalltau
from torch import nn

from gatefield.core.errors import ArgumentError
from gatefield.explain.lesion import (
    drop_study,
    droppable,
    dropped,
    interchangeable,
    kendall_tau,
    lesion_study,
    reordered,
    residual_blocks,
    shuffle_study,
)
from gatefield.explain.path_lengths import gradient_by_path_length, one_path, path_counts, path_shares
from gatefield.layers.temporal_block import TemporalBlock
from gatefield.models.vision.lenet5 import LeNet5
from gatefield.models.vision.resnet import ResNet


def resnet(blocks=(2, 2), seed=0, **arguments) -> ResNet:
    torch.manual_seed(seed)
    settings = {"stem": "cifar", "width": 0.25, **arguments}
    net = ResNet((1, 8, 8), 3, list(blocks), **settings)
    net(torch.randn(16, 1, 8, 8))  # gives the normalizations statistics to differ by
    return net


def x(count=4) -> torch.Tensor:
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def condition(model: nn.Module) -> tuple:
    """All that a lesion could leave behind."""
    state = {name: values.clone() for name, values in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    hooks = [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]
    return state, modes, hooks, list(dict(model.named_modules()).items())


def assert_same(before: tuple, after: tuple) -> None:
    assert before[0].keys() == after[0].keys()
    for name, values in before[0].items():
        assert torch.equal(values, after[0][name]), name
    assert before[1:] == after[1:]


# --- the lesion itself


@pytest.mark.parametrize(
    "arguments", [{}, {"order": "pre-activation"}, {"shortcut": "none"}, {"shortcut": "zero-padding"}]
)
def test_a_lesion_of_nothing_is_the_identity_to_the_bit(arguments):
    net = resnet(**arguments).eval()
    whole = net(x())
    with dropped(net, []):
        assert torch.equal(net(x()), whole)
    with reordered(net, residual_blocks(net)):
        assert torch.equal(net(x()), whole)
    assert torch.equal(net(x()), whole)


@pytest.mark.parametrize("order", ["post-activation", "pre-activation"])
@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_a_dropped_block_is_its_shortcut(order, block):
    net = resnet(order=order, block=block).eval()
    before = net.stem(x())
    first = net.stages.stage1.block1
    with dropped(net, ["stages.stage1.block1"]):
        left = first(before)
    shortcut = first.shortcut(before)
    assert torch.equal(left, shortcut if order == "pre-activation" else shortcut.relu())
    assert not torch.equal(first(before), left)


def test_a_net_without_any_residual_is_stem_projections_and_output():
    net = resnet((3, 2), shortcut="projection").eval()
    with dropped(net, residual_blocks(net)):
        found = net(x())
    a = net.stages.stage2.block1.shortcut(net.stem(x())).relu()
    assert torch.allclose(found, net.classifier(a), rtol=0, atol=1e-6)


def test_a_plain_block_and_a_plain_layer_hand_on_their_input():
    net = resnet(shortcut="none").eval()
    stem = net.stem(x())
    with dropped(net, ["stages.stage1.block1"]):
        assert torch.equal(net.stages.stage1(stem), net.stages.stage1.block2(stem))
    with dropped(net, ["stages.stage1.block1.residual.conv1"]):
        block = net.stages.stage1.block1
        rest = nn.Sequential(*list(block.residual.children())[1:])
        assert torch.equal(block(stem), rest(stem).relu())


def test_blocks_of_other_kinds_are_found():
    assert residual_blocks(nn.Sequential(TemporalBlock(2, 2, 3), nn.ReLU(), TemporalBlock(2, 4, 3))) == ["0", "2"]
    assert residual_blocks(LeNet5((1, 28, 28), 10)) == []

    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.residual, self.shortcut = nn.Linear(3, 3), nn.Identity()

        def forward(self, x):
            return self.residual(x) + self.shortcut(x)

    net = nn.Sequential(Mine(), Mine())
    net[1].shortcut = nn.Sequential()  # another way to write an identity
    with dropped(net, ["0", "1"]):
        assert torch.equal(net(torch.ones(2, 3)), torch.ones(2, 3))
    assert droppable(net, torch.ones(2, 3)) == ["0", "1"]


def test_what_cannot_be_dropped_is_said():
    net = resnet(shortcut="none").eval()
    blocks = residual_blocks(net)
    assert droppable(net, x()) == [name for name in blocks if name != "stages.stage2.block1"]
    message = r"'stages\.stage2\.block1' turns \(4, 8, 8\) into \(8, 4, 4\)"
    with pytest.raises(ArgumentError, match=message), dropped(net, ["stages.stage2.block1"]):
        net(x())
    with pytest.raises(ArgumentError, match=r"'stages\.stage9' is not"):
        lesion_study(net, lambda _: 0.0, ["stages.stage9"])
    with pytest.raises(ArgumentError, match="no residual blocks"):
        lesion_study(LeNet5((1, 28, 28), 10), lambda _: 0.0)
    assert droppable(resnet(), x()) == residual_blocks(resnet())


# --- other orders


def test_reordering_moves_modules_and_puts_them_back():
    net = resnet((3, 2)).eval()
    stage = net.stages.stage1
    stem = net.stem(x())
    names = residual_blocks(net)
    swapped = [names[2], names[1], names[0], *names[3:]]
    with reordered(net, swapped):
        found = stage(stem)
    one, two, three = stage.children()
    assert torch.equal(found, one(two(three(stem))))
    assert [name for name, _ in stage.named_children()] == ["block1", "block2", "block3"]
    misfit = [names[3], *names[1:3], names[0], names[4]]
    with pytest.raises(ArgumentError, match="does not fit"), reordered(net, misfit):
        pass
    with pytest.raises(ArgumentError, match="twice"), reordered(net, [names[0], names[0]]):
        pass


def test_groups_of_blocks_that_can_change_places():
    net = resnet((2, 3))
    one, two = "stages.stage1.", "stages.stage2."
    assert interchangeable(net) == [
        [one + "block1", one + "block2"],
        [two + "block1"],
        [two + "block2", two + "block3"],
    ]


@pytest.mark.parametrize("n", [2, 3, 5])
def test_kendalls_tau_is_scipys(n):
    for order in itertools.islice(itertools.permutations(range(n)), 40):
        assert kendall_tau(order) == pytest.approx(kendalltau(range(n), order).statistic)
    assert kendall_tau([0]) == 1


# --- studies


def test_studies_score_what_they_say():
    net = resnet((2, 3))
    target = net.eval()(x()).detach()
    net.train()

    def distance(model):
        return (model(x()) - target).norm()

    before = condition(net)
    study = lesion_study(net, distance)
    assert [lesion.name for lesion in study] == residual_blocks(net)
    assert all(lesion.score > 0 for lesion in study)
    drops = drop_study(net, distance, [0, 1, 5], repeats=2)
    assert drops.shape == (3, 2)
    assert (drops[0] == 0).all()
    assert {round(float(score), 5) for score in drops[1]} <= {round(lesion.score, 5) for lesion in study}
    assert drops[2, 0] == drops[2, 1]  # there is one way to drop all five
    shuffles = shuffle_study(net, distance, [0, 1, 4], repeats=2)
    assert (shuffles.score[0] == 0).all()
    assert (shuffles.correlation[0] == 1).all()
    assert (shuffles.correlation[1] == 1 - 4 * 1 / (5 * 4)).all()  # one swap of neighbors is one inversion
    assert (shuffles.score[1] > 0).all()
    assert_same(before, condition(net))
    with pytest.raises(ArgumentError, match="6 of 5"):
        drop_study(net, distance, [6])
    with pytest.raises(ArgumentError, match="change places"):
        shuffle_study(resnet((1, 1)), distance, [1])


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_behind_where_the_score_fails(error):
    net = resnet((2, 3))
    net.stages.stage1.eval()  # a mode of its own
    before = condition(net)
    calls = 0

    def fail(model):
        nonlocal calls
        calls += 1
        model(x())
        if calls % 2 == 0:
            raise error
        return 0.0

    for study in (
        lambda: lesion_study(net, fail),
        lambda: drop_study(net, fail, [2, 3]),
        lambda: shuffle_study(net, fail, [2, 3]),
    ):
        with pytest.raises(error):
            study()
        assert_same(before, condition(net))


# --- paths


@pytest.mark.parametrize("n", [0, 1, 2, 9, 54, 1000])
def test_path_lengths_are_binomial(n):
    counts, shares = path_counts(n), path_shares(n)
    assert sum(counts) == 2**n
    assert float(shares.sum()) == pytest.approx(1, abs=1e-12)
    assert torch.equal(shares, shares.flip(0))
    if n:
        mean = float((shares * torch.arange(n + 1)).sum())
        assert mean == pytest.approx(n / 2)
        assert float((shares * (torch.arange(n + 1) - mean) ** 2).sum()) == pytest.approx(n / 4)


def test_of_54_blocks_nearly_all_paths_have_19_to_35():
    assert float(path_shares(54)[19:36].sum()) == pytest.approx(0.980, abs=5e-4)


@pytest.mark.parametrize("order", ["post-activation", "pre-activation"])
def test_the_gradients_of_all_paths_sum_to_the_gradient(order):
    net = resnet((2, 2), order=order).double().eval()
    blocks = residual_blocks(net)
    given = x().double().requires_grad_()
    whole = torch.autograd.grad(net(given).square().sum(), given)[0]
    total = torch.zeros_like(whole)
    for length in range(len(blocks) + 1):
        for through in itertools.combinations(blocks, length):
            with one_path(net, through):
                total += torch.autograd.grad(net(given).square().sum(), given)[0]
    assert torch.allclose(total, whole, rtol=1e-10, atol=1e-12)


def test_shares_of_gradient_are_paths_times_norms_and_sum_to_one():
    net = resnet((3, 3)).double()
    before = condition(net)
    found = gradient_by_path_length(net, x().double(), lambda outputs: outputs.sum(), samples=100)
    assert_same(before, condition(net))
    assert found.length.tolist() == list(range(7))
    assert float(found.share.sum()) == pytest.approx(1, abs=1e-12)
    assert torch.allclose(found.share, (found.paths * found.norm) / (found.paths * found.norm).sum())
    net.eval()
    given = x().double().requires_grad_()
    with one_path(net, []):  # all shortcuts
        (gradient,) = torch.autograd.grad(net(given).sum(), given)
    assert float(found.norm[0]) == pytest.approx(float(gradient.norm()))
    norms = []
    for name in residual_blocks(net):  # with 100 samples all six paths of length 1 are taken
        with one_path(net, [name]):
            norms.append(float(torch.autograd.grad(net(given).sum(), given)[0].norm()))
    assert float(found.norm[1]) == pytest.approx(math.fsum(norms) / 6)
    part = gradient_by_path_length(net, x().double(), lambda outputs: outputs.sum(), lengths=[1, 3], samples=2)
    assert float(part.share.sum()) == pytest.approx(1)


def test_paths_need_shortcuts():
    with pytest.raises(ArgumentError, match="one path"):
        gradient_by_path_length(resnet(shortcut="none"), x(), torch.sum)
    with pytest.raises(ArgumentError, match="no residual blocks"):
        gradient_by_path_length(LeNet5((1, 28, 28), 10), x(), torch.sum)
    with pytest.raises(ArgumentError, match="length 7 through 4"):
        gradient_by_path_length(resnet(), x(), torch.sum, lengths=[7])
    with pytest.raises(ArgumentError, match="'stem' is not a residual block"), one_path(resnet(), ["stem"]):
        pass


# --- the claim (Veit et al. 2016, figure 3), at the size of a laptop


@pytest.mark.slow
def test_a_residual_net_hardly_misses_a_block_and_its_plain_twin_is_lost_without_one():
    from sklearn.datasets import load_digits

    digits = load_digits()
    pictures = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 8 - 1
    labels = torch.tensor(digits.target)
    errors = {}
    for shortcut in ("zero-padding", "none"):
        torch.manual_seed(0)
        net = ResNet((1, 8, 8), 10, [4, 4, 4], stem="cifar", width=0.5, shortcut=shortcut)
        optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=300)
        for step in range(300):
            part = torch.randint(1400, (64,), generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(pictures[part]), labels[part]).backward()
            optimizer.step()
            schedule.step()

        def error(model):
            with torch.no_grad():
                return float((model(pictures[1400:]).argmax(1) != labels[1400:]).double().mean())

        net.eval()
        names = droppable(net, pictures[:2])
        found = [lesion.score for lesion in lesion_study(net, error, names)]
        errors[shortcut] = (error(net), float(torch.tensor(found).median()), found)
    print({key: (round(whole, 4), round(median, 4)) for key, (whole, median, _) in errors.items()})
    whole, without, _ = errors["zero-padding"]
    plain_whole, plain_without, _ = errors["none"]
    assert whole < 0.1
    assert plain_whole < 0.2
    assert without - whole < 0.10
    assert plain_without - plain_whole > 0.40
