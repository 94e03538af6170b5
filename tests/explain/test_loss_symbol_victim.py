"""Networks over symbols whose answers are no classes: gradients, what may change, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gatefield.core.errors import ArgumentError
from gatefield.explain.attacks.hot_flip import HotFlip
from gatefield.explain.attacks.loss_symbol_victim import LossSymbolVictim
from gatefield.explain.attacks.symbol_attack import random_replacements

VOCABULARY, SPECIAL = 8, 2


class Echo(nn.Module):
    """Scores of what was heard, from what was read and what was heard before; one table embeds both."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.hearing = nn.Embedding(VOCABULARY, 3), nn.Embedding(VOCABULARY, 3)
        self.hearing.weight = self.reading.weight
        self.mix, self.dropout = nn.Linear(3, 3), nn.Dropout()
        self.W = nn.Linear(3, VOCABULARY)

    def forward(self, symbols: Tensor, lengths: Tensor, heard: Tensor) -> Tensor:
        there = torch.arange(symbols.shape[1]) < lengths[:, None]
        code = (torch.tanh(self.mix(self.reading(symbols))) * there[..., None]).sum(1)
        return self.W(self.dropout(torch.tanh(code[:, None] + self.hearing(heard))))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def texts(count: int = 6, longest: int = 6) -> tuple[Tensor, Tensor]:
    lengths = torch.randint(1, longest + 1, (count,))
    lengths[0] = longest
    symbols = torch.randint(SPECIAL, VOCABULARY, (count, longest))
    symbols[torch.arange(longest) >= lengths[:, None]] = 0
    return symbols, lengths


def victim_of(rows: int, **options) -> tuple[Echo, LossSymbolVictim, Tensor]:
    """A victim of ``rows`` rows, each of which has its own answer, and the numbers that tell them apart."""
    model = Echo()
    right = torch.randint(VOCABULARY, (rows, 4))

    def losses(symbols: Tensor, lengths: Tensor, numbers: Tensor) -> Tensor:
        logits = model(symbols, lengths, F.pad(right[numbers, :-1], (1, 0)))
        return F.cross_entropy(logits.transpose(1, 2), right[numbers], reduction="none").mean(1)

    writable = torch.arange(VOCABULARY) >= SPECIAL
    return model, LossSymbolVictim(model, losses, writable, model.reading, ~writable, **options), torch.arange(rows)


def test_the_gradient_is_that_of_what_was_read_alone():
    """Against differences of the vectors that are read; what is heard comes from the same table, and stays."""
    model, victim, numbers = victim_of(6)
    model.double()
    symbols, lengths = texts()
    slope = victim.loss_gradient(symbols, lengths, numbers)
    step = torch.zeros(*symbols.shape, 3, dtype=torch.float64)
    hook = model.reading.register_forward_hook(lambda _module, _given, e: e + step)
    expected = torch.zeros_like(slope)
    for place in torch.cartesian_prod(torch.arange(symbols.shape[1]), torch.arange(3)):
        t, feature = place.tolist()
        found = []
        for sign in (1, -1):
            step.zero_()[:, t, feature] = sign * 1e-5
            found.append(victim.losses(symbols, lengths, numbers))
        expected[:, t, feature] = (found[0] - found[1]) / 2e-5
    hook.remove()
    torch.testing.assert_close(slope, expected, atol=1e-9, rtol=1e-6)
    assert slope.abs().sum() > 0


def test_rows_are_told_apart_by_their_numbers():
    _, victim, numbers = victim_of(6)
    symbols, lengths = texts()
    losses = victim.losses(symbols, lengths, numbers)
    order = torch.tensor([4, 1, 5])
    torch.testing.assert_close(victim.losses(symbols[order], lengths[order], order), losses[order])
    assert not torch.allclose(victim.losses(symbols[order], lengths[order], numbers[:3]), losses[order])


def test_what_is_fixed_and_what_lies_behind_never_changes_and_the_rest_of_the_budget_is_spent():
    _, victim, numbers = victim_of(40, within=lambda lengths: (lengths + 1) // 2)
    symbols, lengths = texts(40)
    symbols[:, 0] = 1  # a symbol of the beginning
    free = victim.free(symbols, lengths)
    assert torch.equal(free.sum(1), (lengths + 1) // 2 - 1)
    for budget in (0, 1, 2, 9):
        found = HotFlip(budget)(victim, symbols, lengths, numbers)
        random = random_replacements(victim, symbols, lengths, found)
        for each in (found, random):
            changed = each.applied(symbols)
            different = changed != symbols
            assert torch.equal(different.sum(1), found.count)
            assert not different[~free].any()
            assert changed[different].ge(SPECIAL).all()
        assert (found.count <= free.sum(1).clamp(max=budget)).all()
    assert torch.equal(HotFlip(0)(victim, symbols, lengths, numbers).applied(symbols), symbols)
    spent = HotFlip(1)(victim, symbols, lengths, numbers).count
    assert torch.equal(spent, free.any(1).long())  # among so many symbols one always has a positive estimate


def test_losses_rise_more_than_by_chance_and_towards_a_target_they_fall():
    _, victim, numbers = victim_of(40)
    symbols, lengths = texts(40)
    before = victim.losses(symbols, lengths, numbers).mean()
    away = HotFlip(2)(victim, symbols, lengths, numbers)
    near = HotFlip(2)(victim, symbols, lengths, numbers, target=numbers)
    chance, same = (random_replacements(victim, symbols, lengths, away, same_steps=each) for each in (False, True))
    loss = [victim.losses(each.applied(symbols), lengths, numbers).mean() for each in (away, near, chance, same)]
    assert loss[0] > max(before, loss[2], loss[3])
    assert loss[1] < before


def test_the_same_steps_by_chance():
    _, victim, numbers = victim_of(30)
    symbols, lengths = texts(30)
    found = HotFlip(3)(victim, symbols, lengths, numbers)
    random = random_replacements(victim, symbols, lengths, found, same_steps=True)
    assert torch.equal(random.positions, found.positions)
    assert not torch.equal(random.symbols, found.symbols)
    changed = random.applied(symbols)
    assert torch.equal(changed != symbols, found.applied(symbols) != symbols)
    for k in range(4):
        assert torch.equal(random.applied(symbols, k) != symbols, found.applied(symbols, k) != symbols)


def test_company_and_padding_change_nothing():
    _, victim, numbers = victim_of(6)
    symbols, lengths = texts()
    together = HotFlip(3)(victim, symbols, lengths, numbers).applied(symbols)
    for row, length in enumerate(lengths.tolist()):
        alone = symbols[row : row + 1, :length]
        found = HotFlip(3)(victim, alone, lengths[row : row + 1], numbers[row : row + 1])
        assert torch.equal(found.applied(alone)[0], together[row, :length])
    none = HotFlip(3)(victim, symbols[:0], lengths[:0], numbers[:0])
    assert none.positions.shape == (0, 3)


def test_the_network_comes_out_as_it_went_in():
    model, victim, numbers = victim_of(6)
    model.train()
    symbols, lengths = texts()
    losses = victim.losses(symbols, lengths, numbers)
    HotFlip()(victim, symbols, lengths, numbers)
    assert torch.equal(victim.losses(symbols, lengths, numbers), losses)
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_what_does_not_fit():
    model, victim, numbers = victim_of(6)
    symbols, lengths = texts()
    for labels in (numbers[:3], numbers.float()):
        with pytest.raises(ArgumentError, match="labels of") as caught:
            HotFlip()(victim, symbols, lengths, labels)
        assert "the number of each row" in caught.value.hint
    with pytest.raises(ArgumentError, match="target of") as caught:
        HotFlip()(victim, symbols, lengths, numbers, target=1)
    assert caught.value.path == ("target",)
    for fixed in (torch.zeros(VOCABULARY + 1, dtype=torch.bool), torch.zeros(VOCABULARY)):
        with pytest.raises(ArgumentError, match="fixed") as caught:
            LossSymbolVictim(model, lambda *_: lengths, victim.writable, model.reading, fixed)
        assert caught.value.path == ("fixed",)
