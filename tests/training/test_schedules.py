"""Schedules against torch's and against their formulas."""

from __future__ import annotations

import math

import pytest
import torch

from gatefield.core.errors import ArgumentError
from gatefield.training.schedule import Progress
from gatefield.training.schedules.cosine import Cosine
from gatefield.training.schedules.piecewise import Piecewise
from gatefield.training.schedules.plateau import Plateau
from gatefield.training.schedules.step import Step
from gatefield.training.schedules.user import User
from gatefield.training.schedules.warmup import Warmup
from gatefield.training.settings import Training


def torchs(make, epochs: int) -> list[float]:
    """The factor of a torch scheduler in each epoch."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, factors = make(optimizer), []
    for _ in range(epochs):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return factors


def ours(schedule, epochs: int) -> list[float]:
    return [schedule.factor(Progress(epoch, epochs)) for epoch in range(epochs)]


def test_step_equals_torch():
    expected = torchs(lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.2), 10)
    assert ours(Step(3, 0.2), 10) == pytest.approx(expected, rel=1e-12)


def test_cosine_equals_torch_and_reaches_its_floor():
    expected = torchs(lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10, eta_min=0.1), 10)
    assert ours(Cosine(0.1), 10) == pytest.approx(expected, rel=1e-12)
    assert Cosine(0.1).factor(Progress(10, 10)) == pytest.approx(0.1)
    assert Cosine().factor(Progress(2.5, 10)) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)


@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize("minimum", [0.0, 0.05])
@pytest.mark.parametrize("seed", range(5))
def test_plateau_equals_torch(patience, minimum, seed):
    generator = torch.Generator().manual_seed(seed)
    losses = (torch.rand(40, generator=generator) + 3 / torch.arange(1, 41)).tolist()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    # eps=0: torch skips changes of the rate below 1e-8, which has no meaning for a factor.
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, patience=patience, factor=0.5, min_lr=minimum, eps=0
    )
    schedule = Plateau(patience, 0.5, minimum)
    for done in range(1, len(losses) + 1):
        scheduler.step(losses[done - 1])
        factor = schedule.factor(Progress(done, 40, losses[:done]))
        assert factor == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


def test_warmup_rises_linearly_and_hands_over():
    schedule = Warmup(2, 0.2, Cosine())
    assert [schedule.factor(Progress(epoch, 10)) for epoch in (0, 0.5, 1, 2)] == pytest.approx([0.2, 0.4, 0.6, 1.0])
    assert schedule.factor(Progress(6, 10)) == pytest.approx(0.5)  # the middle of the eight epochs after the rise
    assert schedule.factor(Progress(10, 10)) == pytest.approx(0)
    fraction = Warmup(0.5, 0.2, Cosine())
    assert fraction.factor(Progress(10, 10)) == pytest.approx(0)
    assert fraction.factor(Progress(0.5, 10)) == pytest.approx(1)


def test_warmup_longer_than_training_only_rises():
    assert Warmup(5, 0.1, Cosine()).factor(Progress(3, 3)) == pytest.approx(0.64)


def test_warmup_counts_losses_after_the_rise():
    schedule = Warmup(2, then=Plateau(patience=0, factor=0.5))
    assert schedule.needs_validation
    assert schedule.factor(Progress(3, 10, [1.0, 2.0, 3.0])) == 1
    assert schedule.factor(Progress(4, 10, [1.0, 2.0, 3.0, 3.0])) == 0.5


def test_piecewise_holds_each_factor_until_the_next():
    schedule = Piecewise([[1, 0.5], [2.5, 0.1]])  # pyright: ignore[reportArgumentType]
    assert [schedule.factor(Progress(epoch, 4)) for epoch in (0, 0.9, 1, 2, 2.5, 4)] == [1, 1, 0.5, 0.5, 0.1, 0.1]
    with pytest.raises(ArgumentError, match="do not rise"):
        Piecewise([[2, 0.5], [2, 0.1]])  # pyright: ignore[reportArgumentType]


def test_a_users_function_is_checked_and_cannot_be_written_down():
    assert User(lambda progress: progress.epoch / progress.epochs).factor(Progress(1, 4)) == 0.25
    for wrong in (math.nan, math.inf, -0.1):
        with pytest.raises(ArgumentError, match="at epoch 1"):
            User(lambda progress, wrong=wrong: wrong).factor(Progress(1, 4))
    with pytest.raises(ArgumentError, match="cannot be written into a recipe"):
        Training(schedule=User(lambda progress: 1.0)).config()
