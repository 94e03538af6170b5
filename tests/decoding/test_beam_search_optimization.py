"""Beam-search optimization against a transcription of the paper that knows no tensors, and gradients by differences."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
from steppers import GRUStepper, TreeStepper
from torch import Tensor, nn

from gatefield.core.errors import ArgumentError, DivergenceError
from gatefield.decoding import BeamSearchOptimization, Forbidden, MustContain, UnnormalizedBeam, search_margins
from gatefield.functional.sentence_bleu import sentence_bleu
from gatefield.training.batches import IGNORED
from gatefield.training.objectives.beam_violations import BeamViolations
from gatefield.training.objectives.cross_entropy import CrossEntropy

BEGIN, END = 0, 1


class Scores(nn.Module):
    """f(v, h): a tiny recurrent network; h_0 is given with each sentence."""

    def __init__(self, vocabulary: int, seed: int, width: int = 3) -> None:
        super().__init__()
        draw = numpy.random.default_rng(seed)
        shapes = {"E": (vocabulary, width), "U": (width, width), "V": (vocabulary, width)}
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.tensor(1.3 * draw.standard_normal(shape))))
        self.first = torch.tensor(draw.standard_normal((8, width)))

    def start(self, count: int) -> Tensor:
        return self.first[:count, None]

    def scores(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tanh(self.E[tokens] + state @ self.U.T)
        return h @ self.V.T, h

    def step(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        scores, state = self.scores(tokens, state)
        return scores.log_softmax(2), state

    def reorder(self, state: Tensor, sentences: Tensor, hypotheses: Tensor) -> Tensor:
        return state[sentences[:, None], hypotheses]

    def plain(self, sentence: int, prefix: tuple[int, ...], score: str) -> float:
        """f of a whole prefix, read from its beginning."""
        E, U, V = (getattr(self, name).detach().numpy() for name in "EUV")
        h, scores = self.first[sentence].numpy(), []
        for before, symbol in zip((BEGIN, *prefix), prefix):
            h = numpy.tanh(E[before] + U @ h)
            scores.append(float(V[symbol] @ h))
        return math.fsum(scores) if score == "sum" else scores[-1]


def transcription(
    model: Scores, sentence: int, y: tuple[int, ...], vocabulary: int, width: int, cost, score: str
) -> list[tuple]:
    """Section 4.1 and 4.2 for one sentence: (gold, rival, Delta) of each step; None for no rival."""
    found, others, r = [], [], 0  # others: prefixes on the beam beside the right one
    for t in range(1, len(y) + 1):
        right = y[:t]
        going_on = [y[: t - 1], *(prefix for prefix in others if prefix[-1] != END)]
        successors = [(*prefix, v) for prefix in going_on for v in range(vocabulary) if (*prefix, v) != right]
        candidates = [(model.plain(sentence, p, score), p) for p in successors + [p for p in others if p[-1] == END]]
        candidates = sorted(candidates, reverse=True)[: width - 1]
        place = 0 if t == len(y) else width - 2
        gold = model.plain(sentence, right, score)
        rivals = candidates[place : place + 1] + [(f, p) for f, p in candidates[: place + 1] if p[-1] == END and place]
        rival, loser = max(rivals, default=(None, None))
        violated = rival is not None and gold < rival + 1
        found.append((gold, rival, cost(loser[r:], right[r:]) if violated else None))
        others = [] if violated else [prefix for _, prefix in candidates]
        r = t if violated else r
    return found


TARGETS = [(2, 3, 2, END), (4, END), (3, 3, 4, 2, 3, END), (END,), (2, 4, 4, 3, END)]
COSTS = {"one": lambda said, right: 1.0, "bleu": lambda said, right: 1 - sentence_bleu(said, right)}


def padded() -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(row) for row in TARGETS])
    rows = [torch.tensor([*row, *[IGNORED] * (6 - len(row))]) for row in TARGETS]
    return torch.stack(rows), lengths


def expected_loss(model: Scores, vocabulary: int, width: int, cost: str, score: str) -> float:
    terms = []
    for sentence, y in enumerate(TARGETS):
        for gold, rival, delta in transcription(model, sentence, y, vocabulary, width, COSTS[cost], score):
            terms.append(0.0 if delta is None else delta * max(0.0, 1 - gold + rival))
    return math.fsum(terms) / sum(map(len, TARGETS))


@pytest.mark.parametrize("cost", ["one", "bleu"])
@pytest.mark.parametrize("width", [2, 3, 5, 40])
@pytest.mark.parametrize("score", ["last", "sum"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_loss_is_that_of_the_paper(seed, score, width, cost):
    model = Scores(5, seed)
    with torch.no_grad():  # a model that is right half of the time, so that beams live for a while
        model.V[2:] *= 2
    targets, lengths = padded()
    margins = search_margins(model, model.start(5), BEGIN, END, targets, lengths, width, cost, score)
    for sentence, y in enumerate(TARGETS):
        rows = transcription(model, sentence, y, 5, width, COSTS[cost], score)
        golds, rivals, costs = (column[sentence].tolist() for column in margins)
        for t, (gold, rival, delta) in enumerate(rows):
            assert golds[t] == pytest.approx(gold, abs=1e-12)
            assert rivals[t] == (-math.inf if rival is None else pytest.approx(rival, abs=1e-12))
            if delta is not None:
                assert costs[t] == pytest.approx(delta, abs=1e-6)
        assert rivals[len(y) :] == [-math.inf] * (6 - len(y))
    loss = BeamViolations().loss(margins, targets)
    assert float(loss.detach()) == pytest.approx(expected_loss(model, 5, width, cost, score), abs=1e-7)
    assert loss > 0


@pytest.mark.parametrize(("width", "score"), [(2, "last"), (4, "last"), (3, "sum")])
def test_gradients_are_those_of_differences(width, score):
    """Through the scores and through the pasts of both, right prefix and rival."""
    model, (targets, lengths) = Scores(5, seed=3), padded()
    parameters = tuple(model.parameters())

    def loss(*_) -> Tensor:
        return BeamViolations().loss(
            search_margins(model, model.start(5), BEGIN, END, targets, lengths, width, "one", score), targets
        )

    assert torch.autograd.gradcheck(loss, parameters, eps=1e-7, atol=1e-6)


def test_beams_live_until_they_are_violated():
    """Rivals that have pasts of their own occur: otherwise the tests above would prove little."""
    lived = 0
    for seed in range(3):
        model = Scores(5, seed)
        for sentence, y in enumerate(TARGETS):
            rows = transcription(model, sentence, y, 5, 5, COSTS["one"], "sum")
            lived += sum(delta is None for _, _, delta in rows[:-1])
    assert lived > 3


def test_nothing_is_lost_where_the_right_answer_leads_by_the_margin():
    table = torch.full((4, 5), 0.0)
    y = (3, 2, END)
    for t, symbol in enumerate(y):
        table[t, symbol] = 1.5

    class Table(nn.Module):
        def scores(self, tokens, state):
            return table[state], state + 1

        def reorder(self, state, sentences, hypotheses):
            return state[sentences[:, None], hypotheses]

    scorer, state, targets = Table(), torch.zeros(1, 1, dtype=torch.int64), torch.tensor([y])
    margins = search_margins(scorer, state, BEGIN, END, targets, torch.tensor([3]), 2)  # type: ignore[arg-type]
    # the rival says what scores most after a wrong symbol: at steps 2 and 3 it scores as much as the right answer
    assert margins.gold.tolist() == [[1.5, 1.5, 1.5]]
    assert margins.rival.tolist() == [[0.0, 1.5, 0.0]]
    assert float(BeamViolations().loss(margins, targets)) == pytest.approx(1 / 3)


def test_padding_and_the_batch_change_nothing():
    model, (targets, lengths) = Scores(5, seed=4), padded()
    together = search_margins(model, model.start(5), BEGIN, END, targets, lengths, 3, "bleu")
    for k, y in enumerate(TARGETS):
        alone = search_margins(
            model, model.start(5)[k : k + 1], BEGIN, END, torch.tensor([y]), lengths[k : k + 1], 3, "bleu"
        )
        for mine, whole in zip(alone, together):
            torch.testing.assert_close(mine[0], whole[k, : len(y)])


def test_targets_out_of_range_and_none():
    model = Scores(5, seed=0)
    with pytest.raises(ArgumentError, match="9 is not in the vocabulary"):
        search_margins(model, model.start(1), BEGIN, END, torch.tensor([[2, 9]]), torch.tensor([2]), 3)
    none = search_margins(model, model.start(0), BEGIN, END, torch.zeros(0, 0, dtype=torch.int64), torch.zeros(0), 3)
    assert none.gold.shape == (0, 0)


def test_the_beam_grows():
    settings = BeamSearchOptimization(width=4, after=3, grow=2)
    assert [settings.width_at(epoch) for epoch in (0, 2.9, 3, 4.5, 5, 7, 20)] == [None, None, 2, 2, 3, 4, 4]
    assert [BeamSearchOptimization(6, 0).width_at(epoch) for epoch in (0, 9)] == [6, 6]
    for arguments in ({"width": 1}, {"grow": 0}, {"cost": "two"}, {"after": -1}):
        with pytest.raises(ArgumentError):
            BeamSearchOptimization(**arguments)


def test_before_the_search_the_loss_is_cross_entropy():
    logits, targets = torch.randn(2, 3, 5), torch.tensor([[1, 2, IGNORED], [0, IGNORED, IGNORED]])
    assert torch.equal(BeamViolations(0.1).loss(logits, targets), CrossEntropy(0.1).loss(logits, targets))
    assert BeamViolations().correct(logits, targets) == CrossEntropy().correct(logits, targets)


# ----------------------------------------------------------------------------------------------- the search it is for


def plain_search(model: Scores, sentence: int, vocabulary: int, limit: int, width: int, score: str) -> list[tuple]:
    beam = [(0.0, ())]
    for _ in range(limit):
        if beam[0][1] and beam[0][1][-1] == END:
            break
        candidates = [(f, p) for f, p in beam if p and p[-1] == END]
        for _, prefix in beam:
            if not prefix or prefix[-1] != END:
                candidates += [(model.plain(sentence, (*prefix, v), score), (*prefix, v)) for v in range(vocabulary)]
        beam = sorted(candidates, reverse=True)[:width]
    return sorted(beam, key=lambda pair: pair[1][-1:] != (END,))


@pytest.mark.parametrize("width", [1, 2, 4, 30])
@pytest.mark.parametrize("score", ["last", "sum"])
@pytest.mark.parametrize("seed", [0, 5])
def test_the_search_is_that_of_the_paper(seed, score, width):
    model = Scores(5, seed)
    limits = [3, 6, 0, 5, 4]
    found = UnnormalizedBeam(width, width, score).decode(model, model.start(5), BEGIN, END, limits)
    for sentence, (row, limit) in enumerate(zip(found, limits)):
        expected = plain_search(model, sentence, 5, limit, width, score)
        if limit == 0:
            assert [h.tokens for h in row] == [()]
            continue
        mine = [(*h.tokens, END) if h.finished else h.tokens for h in row]
        assert mine == [prefix for _, prefix in expected]
        assert [h.score for h in row] == pytest.approx([score for score, _ in expected], abs=1e-9)


def test_log_probabilities_are_those_of_the_softmax():
    model = Scores(5, seed=1).requires_grad_(False)
    (row,) = UnnormalizedBeam(3, 3).decode(model, model.start(1), BEGIN, END, 5, [Forbidden([0])])
    for h in row:
        state, symbol, values = model.start(1), BEGIN, []
        for after in (*h.tokens, *([END] if h.finished else [])):
            log_p, state = model.step(torch.tensor([[symbol]]), state)
            values.append(float(log_p[0, 0, after]))
            symbol = after
        assert h.log_probabilities == pytest.approx(values, abs=1e-12)
        assert h.log_probability == pytest.approx(sum(values), abs=1e-12)
        assert 0 not in h.tokens


def test_what_the_search_refuses():
    model = Scores(5, seed=1)
    decode = UnnormalizedBeam(2).decode
    for stepper, constraints, message in (
        (TreeStepper(4), (), "a model that tells them"),
        (GRUStepper(), (), "a model that tells them"),
        (model, [MustContain([[(2,)]], END)], "keeps no places"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            decode(stepper, torch.zeros(1, 1), BEGIN, END, 3, constraints)
        assert caught.value.hint
    with pytest.raises(ArgumentError, match="cannot return 3"):
        UnnormalizedBeam(2, 3)
    with torch.no_grad():
        model.V[:] = math.nan
    with pytest.raises(DivergenceError, match="NaN at step 0"):
        decode(model, model.start(1), BEGIN, END, 3)


def test_sentence_bleu():
    assert sentence_bleu("abcde", "abcde") == pytest.approx(1)
    assert sentence_bleu("xyz", "abc") == 0
    assert sentence_bleu("", "") == 1
    assert sentence_bleu("", "a") == 0
    # of 4, 3, 2 and 1 n-grams 3, 1, 0 and 0 are found
    assert sentence_bleu("abxd", "abcd") == pytest.approx((3 / 4 * 2 / 4 * 1 / 3 * 1 / 2) ** 0.25)
    # shorter than the reference by a half
    assert sentence_bleu("ab", "abcd") == pytest.approx(math.exp(1 - 2) * (1 * 1 * 1 * 1) ** 0.25)
    assert sentence_bleu("aaaa", "ab") == pytest.approx((1 / 4 * 1 / 4 * 1 / 3 * 1 / 2) ** 0.25)
