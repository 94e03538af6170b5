"""Attacks on rows of different lengths: nothing behind the end of a row changes, and company changes nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError, InputError
from gatefield.explain.attacks.attack import Attack, noise_as_long
from gatefield.explain.attacks.deep_fool import DeepFool
from gatefield.explain.attacks.fgsm import FGSM
from gatefield.explain.attacks.minimum_norm import MinimumNorm
from gatefield.explain.attacks.pgd import PGD
from gatefield.explain.attacks.ragged_victim import RaggedVictim

LENGTHS = torch.tensor([7, 3, 12, 5])
EXACT = [  # no attack that begins at random, which is drawn for the whole tensor
    pytest.param(FGSM(0.1), id="fgsm"),
    pytest.param(PGD(0.1, random_start=False), id="pgd"),
    pytest.param(PGD(0.2, norm="l2", random_start=False), id="pgd-l2"),
    pytest.param(DeepFool(), id="deep-fool"),
    pytest.param(MinimumNorm(bisections=2, iterations=20), id="minimum-norm"),
]


class Energies(nn.Module):
    """A classifier of the mean of some features of the samples that a row has."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Linear(3, 6)
        self.classes = nn.Linear(6, 3)
        for parameter in self.parameters():
            nn.init.normal_(parameter)
        nn.init.zeros_(self.classes.bias)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        there = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
        return self.classes((self.features(x).tanh() * there).sum(1) / lengths[:, None])


def features(raw: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    return torch.stack([raw, 3 * raw.square(), (5 * raw).sin()], -1), lengths


def case() -> tuple[RaggedVictim, Tensor, Tensor]:
    torch.manual_seed(0)
    victim = RaggedVictim(Energies(), features, LENGTHS)
    raw = victim.inside(torch.rand(4, 12) * 1.6 - 0.8)
    return victim, raw, victim.predictions(raw)


@pytest.mark.parametrize("cls", family(Attack).classes)
def test_nothing_behind_the_end_of_a_row_changes(cls):
    victim, raw, labels = case()
    attack = cls(bisections=2, iterations=20) if cls is MinimumNorm else cls()
    changed = attack(victim, raw, labels)
    behind = torch.arange(12) >= LENGTHS[:, None]
    assert (changed[behind] == 0).all()
    assert (changed != raw)[~behind].any()
    assert changed.abs().max() <= 1
    noisy = noise_as_long(victim, 0.5 * raw, raw)
    assert (noisy[behind] == 0).all()


def test_random_starts_and_noise_are_as_long_as_they_say():
    """What would lie behind the end of a row is no part of its length."""
    victim, raw, labels = case()
    raw = 0.1 * raw  # far from the bounds, where nothing is clipped
    start = PGD(0.5, norm="l2")._start(victim, raw)
    drawn = PGD(0.5, norm="l2")._start(RaggedVictim(victim.model, features, torch.full((4,), 12)), raw)
    torch.testing.assert_close(start.norm(dim=1), drawn.norm(dim=1))
    changed = FGSM(0.05)(victim, raw, labels)
    lengths = [(each - raw).norm(dim=1) for each in (changed, noise_as_long(victim, changed, raw))]
    torch.testing.assert_close(*lengths)


@pytest.mark.parametrize("attack", EXACT)
def test_alone_together_and_wider_are_the_same(attack):
    victim, raw, labels = case()
    together = attack(victim, raw, labels)
    wide = RaggedVictim(victim.model, features, LENGTHS)
    torch.testing.assert_close(attack(wide, F.pad(raw, (0, 5)), labels)[:, :12], together, atol=1e-5, rtol=1e-4)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = RaggedVictim(victim.model, features, LENGTHS[row : row + 1])
        changed = attack(alone, raw[row : row + 1, :length], labels[row : row + 1])
        torch.testing.assert_close(changed[0], together[row, :length], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("attack", [FGSM(0.0), PGD(0.0), PGD(0.0, norm="l2")])
def test_no_budget_no_change(attack):
    victim, raw, labels = case()
    changed = attack(victim, raw, labels)
    assert torch.equal(changed, raw)
    assert torch.equal(victim.outputs(changed), victim.outputs(raw))


def test_budgets_are_amplitudes_and_kept():
    victim, raw, labels = case()
    for attack in (FGSM(0.03), PGD(0.03)):
        r = attack(victim, raw, labels) - raw
        assert 0.029 < r.abs().max() <= 0.03 + 1e-6


def test_what_does_not_fit():
    victim, raw, labels = case()
    with pytest.raises(InputError, match="behind the end of a row"):
        FGSM(0.1)(victim, raw + 0.1, labels)
    with pytest.raises(ArgumentError, match="2 rows and 4 lengths"):
        FGSM(0.1)(victim, raw[:2], labels[:2])
    assert torch.equal(victim.rows(torch.tensor([2, 0])).lengths, torch.tensor([12, 7]))
