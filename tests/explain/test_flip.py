"""Flips against the best there are of linear models, budgets, and what they leave alone."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from gatefield.core.errors import ArgumentError
from gatefield.explain.attacks.flip import Flip
from gatefield.explain.attacks.loss_victim import LossVictim
from gatefield.explain.attacks.victim import Victim

ROWS, PLACES = 12, 7


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def linear(bounds: tuple[float, float] = (0.0, 1.0), there: Tensor | None = None) -> tuple[LossVictim, Tensor]:
    """The loss w . x of each row, with weights of its own; and these weights."""
    weights = torch.randn(ROWS, PLACES)
    return LossVictim(nn.Identity(), lambda raw, rows: (weights[rows] * raw).sum(1), bounds, there), weights


@pytest.mark.parametrize("at_once", [1, 2, 5])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 3.0)])
def test_of_a_linear_model_no_set_of_flips_is_better(bounds, at_once):
    victim, weights = linear(bounds)
    low, high = bounds
    raw = low + (high - low) * torch.rand(ROWS, PLACES)
    raw[:6] = torch.where(raw[:6] > (low + high) / 2, high, low)
    numbers = torch.arange(ROWS)
    for budget in (0, 1, 2, 3):
        changed = Flip(budget, at_once)(victim, raw, numbers)
        sets = [places for size in range(budget + 1) for places in itertools.combinations(range(PLACES), size)]
        for row in range(ROWS):
            every = []
            for places in sets:
                other = raw[row].clone()
                other[list(places)] = low + high - other[list(places)]
                every.append(float(weights[row] @ other))
            assert float(weights[row] @ changed[row]) == pytest.approx(max(every), rel=1e-5, abs=1e-5)


def test_one_gradient_after_another_sees_what_the_first_flip_changed():
    """J = (x_1 + x_2 - 1.2)^2: both rise at (1, 1) by first order only until one of them is gone."""
    victim = LossVictim(nn.Identity(), lambda raw, rows: -(raw.sum(1) - 1.2).square(), (0.0, 1.0))
    raw, numbers = torch.ones(1, 2), torch.zeros(1, dtype=torch.int64)
    assert Flip(2, at_once=2)(victim, raw, numbers).tolist() == [[0, 0]]
    one = Flip(2, at_once=1)(victim, raw, numbers)
    assert sorted(one[0].tolist()) == [0, 1]
    assert victim.losses(one, numbers) > victim.losses(raw, numbers) > victim.losses(torch.zeros(1, 2), numbers)


def test_budgets_bounds_and_ends_are_kept():
    there = torch.rand(ROWS, PLACES) < 0.6
    there[3] = False
    victim, weights = linear(there=there)
    raw = victim.inside((torch.rand(ROWS, PLACES) > 0.5).float())
    copy, numbers = raw.clone(), torch.arange(ROWS)
    for budget in (0, 1, 4, 20):
        changed = Flip(budget)(victim, raw, numbers)
        flipped = changed != raw
        assert torch.equal(raw, copy)
        assert not flipped[~there].any()
        assert set(changed.unique().tolist()) <= {0.0, 1.0}
        rises = ((1 - 2 * raw) * weights > 0) & there
        assert torch.equal(flipped.sum(1), rises.sum(1).clamp(max=budget))  # nothing is flipped that does not rise
    assert torch.equal(Flip(0)(victim, raw, numbers), raw)
    assert Flip()(victim.rows(numbers[:0]), raw[:0], numbers[:0]).shape == (0, PLACES)


def test_random_flips_are_as_many_and_elsewhere():
    there = torch.ones(ROWS, PLACES, dtype=torch.bool)
    there[:, 5:] = False
    victim, _ = linear(there=there)
    raw = victim.inside((torch.rand(ROWS, PLACES) > 0.5).float())
    attack = Flip(3)
    changed = attack(victim, raw, torch.arange(ROWS))
    random = attack.chance(victim, changed, raw, seed=1)
    assert torch.equal((random != raw).sum(1), (changed != raw).sum(1))
    assert not (random != raw)[:, 5:].any()
    assert not torch.equal(random, changed)
    assert torch.equal(random, attack.chance(victim, changed, raw, seed=1))
    assert not torch.equal(random, attack.chance(victim, changed, raw, seed=2))
    assert torch.equal(attack.chance(victim, raw, raw), raw)


def test_a_target_is_approached_with_a_few_pixels():
    model = nn.Sequential(nn.Flatten(), nn.Linear(32, 3))
    victim = Victim(model, lambda raw: raw / 255)
    images = torch.randint(0, 256, (6, 2, 4, 4), dtype=torch.uint8)
    labels = victim.predictions(images.float())
    wanted = (labels + 1) % 3
    before = victim.outputs(images.float()).log_softmax(1).gather(1, wanted[:, None])
    changed = Flip(4)(victim, images, labels, wanted)
    assert ((changed != images).flatten(1).sum(1) <= 4).all()
    moved = changed != images
    assert torch.equal(changed[moved], 255 - images[moved].float())
    assert (victim.outputs(changed).log_softmax(1).gather(1, wanted[:, None]) > before).all()


def test_without_bounds_there_is_nothing_to_flip():
    victim, _ = linear((-torch.inf, torch.inf))
    with pytest.raises(ArgumentError, match="no bounds") as caught:
        Flip()(victim, torch.zeros(ROWS, PLACES), torch.arange(ROWS))
    assert "fgsm" in caught.value.hint
