"""HotFlip against exhaustive search on linear models, budgets, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gatefield.core.errors import ArgumentError, InputError
from gatefield.explain.attacks.hot_flip import HotFlip
from gatefield.explain.attacks.symbol_attack import Replacements, random_replacements
from gatefield.explain.attacks.symbol_victim import SymbolVictim
from gatefield.models.sequence.sequence_classifier import SequenceClassifier

VOCABULARY = 9


class BagOfWords(nn.Module):
    """Logits W sum_t e_(x_t): linear in the sum of the embeddings."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 5)
        self.W = nn.Linear(5, classes)
        self.dropout = nn.Dropout()

    def forward(self, symbols: Tensor, lengths: Tensor) -> Tensor:
        there = torch.arange(symbols.shape[1]) < lengths[:, None]
        return self.W(self.dropout((self.embedding(symbols) * there[..., None]).sum(1)))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def texts(count: int = 6, longest: int = 5) -> tuple[Tensor, Tensor]:
    lengths = torch.randint(1, longest + 1, (count,))
    lengths[0] = longest
    symbols = torch.randint(1, VOCABULARY, (count, longest))
    symbols[torch.arange(longest) >= lengths[:, None]] = 0
    return symbols, lengths


def victim_of(model: nn.Module) -> SymbolVictim:
    writable = torch.ones(VOCABULARY, dtype=torch.bool)
    writable[0] = False
    return SymbolVictim(model, writable)


def recurrent() -> SequenceClassifier:
    small = {"name": "recurrent", "cell": "gru", "hidden": [4], "bidirectional": True}
    return SequenceClassifier(classes=3, vocabulary=VOCABULARY, embedding=4, encoder=small, readout="max")  # type: ignore[arg-type]


def test_the_first_replacement_of_a_linear_model_is_the_best_of_all():
    victim = victim_of(BagOfWords())
    symbols, lengths = texts(20)
    labels = victim.predictions(symbols, lengths)
    found = HotFlip(replacements=1)(victim, symbols, lengths, labels)
    changed = found.applied(symbols)
    assert (found.count == 1).all()

    def loss(row, symbols):
        return float(F.cross_entropy(victim.outputs(symbols, lengths[row : row + 1]), labels[row : row + 1]))

    for row, length in enumerate(lengths.tolist()):
        every = []
        for step in range(length):
            for symbol in range(1, VOCABULARY):
                other = symbols[row : row + 1].clone()
                other[0, step] = symbol
                every.append(loss(row, other))
        assert loss(row, changed[row : row + 1]) == pytest.approx(max(every), rel=1e-5)


def test_the_estimate_is_exact_for_a_linear_loss():
    """(e_w - e_x) . g is the change of what is linear in the embeddings, here the sum of one logit."""

    class Logit:
        def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return outputs.gather(1, targets[:, None]).sum()

        def probabilities(self, outputs: Tensor) -> Tensor:
            return outputs.softmax(-1)

    model = BagOfWords().eval()
    victim = SymbolVictim(model, torch.ones(VOCABULARY, dtype=torch.bool), Logit())
    symbols, lengths = texts(4)
    labels = torch.zeros(4, dtype=torch.int64)
    rise = HotFlip()._rise(victim, symbols, victim.loss_gradient(symbols, lengths, labels))
    before = victim.outputs(symbols, lengths)[:, 0]
    other = symbols.clone()
    other[:, 0] = (symbols[:, 0] + 1) % VOCABULARY
    torch.testing.assert_close(
        rise[torch.arange(4), 0, other[:, 0]], victim.outputs(other, lengths)[:, 0] - before, atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("make", [BagOfWords, recurrent])
def test_budgets_ends_and_specials_are_kept(make):
    victim = victim_of(make())
    symbols, lengths = texts(12)
    symbols[3, 0] = 0  # an unknown word inside a text may be replaced, and never written
    labels = victim.predictions(symbols, lengths)
    copy = symbols.clone()
    for budget in (0, 1, 3, 9):
        found = HotFlip(budget)(victim, symbols, lengths, labels)
        changed = found.applied(symbols)
        different = changed != symbols
        assert torch.equal(symbols, copy)
        assert found.positions.shape == (12, budget)
        assert (found.count <= budget).all()
        assert torch.equal(different.sum(1), found.count)  # each step at most once, and by another symbol
        assert not different[torch.arange(5) >= lengths[:, None]].any()
        assert changed[different].gt(0).all()
        for k in range(budget + 1):
            assert ((found.applied(symbols, k) != symbols).sum(1) == found.count.clamp(max=k)).all()
    assert torch.equal(HotFlip(0)(victim, symbols, lengths, labels).applied(symbols), symbols)


def test_rows_that_are_wrong_already_are_left_and_the_rest_goes_until_it_is():
    victim = victim_of(BagOfWords())
    symbols, lengths = texts(30)
    answers = victim.predictions(symbols, lengths)
    labels = answers.clone()
    labels[:10] = 1 - answers[:10]
    found = HotFlip(5)(victim, symbols, lengths, labels)
    assert (found.count[:10] == 0).all()
    assert (found.count[10:] > 0).all()
    for row in range(10, 30):
        used = int(found.count[row])
        one, length = symbols[row : row + 1], lengths[row : row + 1]
        own = Replacements(found.positions[row : row + 1], found.symbols[row : row + 1])
        said = [int(victim.predictions(own.applied(one, k), length)) for k in range(used + 1)]
        assert all(each == labels[row] for each in said[:-1])  # no word more than it takes


def test_towards_a_target():
    victim = victim_of(recurrent())
    symbols, lengths = texts(12)
    labels = victim.predictions(symbols, lengths)
    for target in (2, (labels + 1) % 3):
        found = HotFlip(5)(victim, symbols, lengths, labels, target)
        wanted = torch.as_tensor(target).expand(12)
        before, after = (
            victim.probabilities(each, lengths).gather(1, wanted[:, None]).mean()
            for each in (symbols, found.applied(symbols))
        )
        assert after > before
        assert (found.count[labels == wanted] == 0).all()


def test_of_candidates_the_truly_best_is_written_and_losses_never_fall():
    victim = victim_of(recurrent())
    symbols, lengths = texts(12)
    labels = victim.predictions(symbols, lengths)
    before = victim.losses(symbols, lengths, labels)
    torch.testing.assert_close(before, F.cross_entropy(victim.outputs(symbols, lengths), labels, reduction="none"))
    every = HotFlip(1, candidates=5 * VOCABULARY)(victim, symbols, lengths, labels)
    best = before.clone()
    for step in range(5):
        for symbol in range(1, VOCABULARY):
            other = symbols.clone()
            other[:, step] = torch.where(lengths > step, symbol, symbols[:, step])
            best = best.maximum(victim.losses(other, lengths, labels))
    torch.testing.assert_close(victim.losses(every.applied(symbols), lengths, labels), best)
    last = before
    for budget in (1, 2, 3):
        few = HotFlip(budget, candidates=3)(victim, symbols, lengths, labels)
        losses = victim.losses(few.applied(symbols), lengths, labels)
        assert (losses >= last).all()
        last = losses
    near = HotFlip(2, candidates=3)(victim, symbols, lengths, labels, target=(labels + 1) % 3)
    wanted = (labels + 1) % 3
    assert (victim.losses(near.applied(symbols), lengths, wanted) <= victim.losses(symbols, lengths, wanted)).all()


def test_company_and_padding_change_nothing():
    victim = victim_of(recurrent())
    symbols, lengths = texts(6)
    labels = victim.predictions(symbols, lengths)
    together = HotFlip(3)(victim, symbols, lengths, labels).applied(symbols)
    wide = F.pad(symbols, (0, 4))
    assert torch.equal(HotFlip(3)(victim, wide, lengths, labels).applied(wide)[:, :5], together)
    for row, length in enumerate(lengths.tolist()):
        alone = symbols[row : row + 1, :length]
        found = HotFlip(3)(victim, alone, lengths[row : row + 1], labels[row : row + 1])
        assert torch.equal(found.applied(alone)[0], together[row, :length])


def test_only_similar_words_where_that_is_asked():
    victim = victim_of(BagOfWords())
    symbols, lengths = texts(12)
    labels = victim.predictions(symbols, lengths)
    e = victim.vectors
    found = HotFlip(3, similarity=0.2)(victim, symbols, lengths, labels)
    changed = found.applied(symbols)
    rows, steps = (changed != symbols).nonzero().T
    assert len(rows)
    assert (F.cosine_similarity(e[symbols[rows, steps]], e[changed[rows, steps]]) >= 0.2).all()
    assert HotFlip(3, similarity=1.0)(victim, symbols, lengths, labels).count.sum() == 0


def test_chance_replaces_as_many_and_is_the_same_every_time():
    victim = victim_of(BagOfWords())
    symbols, lengths = texts(12)
    like = HotFlip(3)(victim, symbols, lengths, victim.predictions(symbols, lengths))
    random = random_replacements(victim, symbols, lengths, like)
    changed = random.applied(symbols)
    assert torch.equal((changed != symbols).sum(1), like.count)
    assert not (changed != symbols)[torch.arange(5) >= lengths[:, None]].any()
    assert torch.equal(changed, random_replacements(victim, symbols, lengths, like).applied(symbols))
    assert not torch.equal(changed, random_replacements(victim, symbols, lengths, like, seed=1).applied(symbols))


def test_the_network_comes_out_as_it_went_in():
    model = recurrent().train()
    model.dropout.eval()
    modes = [module.training for module in model.modules()]
    before = {name: values.clone() for name, values in model.state_dict().items()}
    victim = victim_of(model)
    symbols, lengths = texts()
    HotFlip()(victim, symbols, lengths, victim.predictions(symbols, lengths))
    assert modes == [module.training for module in model.modules()]
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_empty_texts_and_none():
    victim = victim_of(recurrent())
    symbols, lengths = texts(4)
    lengths[1:] = 0
    labels = victim.predictions(symbols, lengths)
    assert (HotFlip(2)(victim, symbols, lengths, labels).count[1:] == 0).all()


def test_what_does_not_fit():
    victim = victim_of(BagOfWords())
    symbols, lengths = texts(3)
    labels = victim.predictions(symbols, lengths)
    for wrong, path in ((lengths[:2], "lengths"), (lengths + 9, "lengths")):
        with pytest.raises(ArgumentError) as caught:
            HotFlip()(victim, symbols, wrong, labels)
        assert caught.value.path == (path,)
    for given, path in (({"labels": labels + 7}, "labels"), ({"labels": labels, "target": 5}, "target")):
        with pytest.raises(ArgumentError) as caught:
            HotFlip()(victim, symbols, lengths, **given)
        assert caught.value.path == (path,)
    with pytest.raises(ArgumentError, match="no symbol may be written"):
        SymbolVictim(BagOfWords(), torch.zeros(VOCABULARY, dtype=torch.bool))

    class Hard(BagOfWords):
        def forward(self, symbols: Tensor, lengths: Tensor) -> Tensor:
            return super().forward(symbols, lengths).detach().round()

    with pytest.raises(InputError, match="no gradient"):
        HotFlip()(victim_of(Hard()), symbols, lengths, victim_of(Hard()).predictions(symbols, lengths))
