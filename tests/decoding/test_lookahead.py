"""Looking ahead without writing log-probabilities: against log_softmax, and what constraints touch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gatefield.core.errors import DivergenceError
from gatefield.decoding import Beam, Forbidden, Lexicon, MustContain
from gatefield.decoding.constraints import ConstraintStates
from gatefield.decoding.lookahead import FEW, Lookahead
from gatefield.decoding.top import BLOCK, block_maxima


class Scored:
    """A table of scores, one row for each step, whoever speaks; `step` gives their log_softmax."""

    def __init__(self, table: Tensor, tells: bool = True) -> None:
        self.table = table
        if tells:
            self.scores = lambda tokens, state: (self.table[state].clone(), state + 1)

    def start(self, sentences: int) -> Tensor:
        return torch.zeros(sentences, 1, dtype=torch.int64)

    def step(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.table[state].double().log_softmax(2), state + 1

    def reorder(self, state: Tensor, sentences: Tensor, hypotheses: Tensor) -> Tensor:
        return state[sentences[:, None], hypotheses]


def table(vocabulary: int, steps: int = 6, scale: float = 4.0) -> Tensor:
    return scale * torch.randn(steps, vocabulary, generator=torch.Generator().manual_seed(vocabulary))


@pytest.mark.parametrize("vocabulary", [1, 7, BLOCK, 1000, 140000])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_normalizers_are_those_of_log_softmax(vocabulary, scale):
    stepper = Scored(table(vocabulary, 3, scale))
    tokens, state = torch.zeros(2, 3, dtype=torch.int64), torch.tensor([[0, 1, 2], [2, 2, 0]])
    ahead, after = Lookahead.of(stepper, tokens, state, 0)
    expected = stepper.step(tokens, state)[0]
    places = torch.randint(vocabulary, (2, 9), generator=torch.Generator().manual_seed(0))
    hypotheses = torch.tensor([[0, 1, 2] * 3] * 2)
    found = ahead.log_probabilities(hypotheses, places)
    torch.testing.assert_close(found, expected[torch.arange(2)[:, None], hypotheses, places], atol=2e-6, rtol=1e-6)
    torch.testing.assert_close(ahead.likeliest(), expected.amax(2), atol=2e-6, rtol=1e-6)
    assert torch.equal(after, state + 1)


@pytest.mark.parametrize("vocabulary", [9, 700])
def test_a_beam_finds_the_same_either_way(vocabulary):
    scores = table(vocabulary, scale=1.5)
    for beam in (Beam(4, 4), Beam(6, 3, groups=3, diversity=0.7)):
        for constraints in ((), [Forbidden([0, 5])], [MustContain([[(3, 4)]] * 2, 1)] * (beam.groups == 1)):
            one, other = (
                beam.decode(stepper, stepper.start(2), 2, 1, 5, constraints)
                for stepper in (Scored(scores), Scored(scores, tells=False))
            )
            assert [[h.tokens for h in row] for row in one] == [[h.tokens for h in row] for row in other]
            for row, expected in zip(one, other):
                for h, same in zip(row, expected):
                    assert h.score == pytest.approx(same.score, abs=1e-5)
                    assert h.log_probabilities == pytest.approx(same.log_probabilities, abs=1e-5)


@pytest.mark.parametrize(
    "constraint",
    [
        Forbidden([0, 1, 700]),
        Forbidden(range(0, BLOCK * (FEW + 1), BLOCK)),
        Lexicon([(3, 4), (600,)], end=1),
        MustContain([[(3, 4)], [], [(7,)]], 1),
        MustContain([[(3, 4)], [], [(7,)]]),
    ],
    ids=["few", "many", "lexicon", "must contain", "no end"],
)
@pytest.mark.parametrize("tells", [True, False])
def test_constraints_leave_probabilities_and_what_the_stepper_keeps(constraint, tells):
    scores = table(1001)
    stepper, state = Scored(scores, tells), torch.zeros(3, 1, dtype=torch.int64)
    ahead, _ = Lookahead.of(stepper, state, state, 0)
    before, automata = ahead.values.clone(), ConstraintStates([constraint], 3, torch.device("cpu"))
    expected = automata.apply(before)
    found = ahead.restricted(automata)
    assert torch.equal(found.values, expected)
    assert torch.equal(found.maxima, block_maxima(expected))
    assert torch.equal(found.normalizers, ahead.normalizers)
    assert tells or torch.equal(ahead.values, before)


@pytest.mark.parametrize("value", [math.nan, -math.inf, math.inf])
def test_scores_without_a_softmax(value):
    scores = table(30)
    scores[1] = value
    for stepper in (Scored(scores), Scored(scores, tells=False)):
        with pytest.raises(DivergenceError, match="hold NaN at step 1 of sentence 0"):
            Beam(2).decode(stepper, stepper.start(2), 0, None, 4)
