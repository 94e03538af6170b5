"""Beam search against exhaustive search, a search that never stops, the deck's listing and forced scoring."""

from __future__ import annotations

import math

import pytest
import torch
from plain_search import beam_that_never_stops, every_sequence, ranked
from steppers import GRUStepper, TableStepper, TreeStepper

from gatefield.core.errors import ArgumentError, DivergenceError
from gatefield.decoding import GNMT, Average, Beam, Greedy, LengthPenalty, NoPenalty, forced

BEGIN, END = 0, 1
DIVISORS = {
    "none": (NoPenalty(), lambda n: 1.0),
    "average": (Average(), float),
    "gnmt": (GNMT(0.8), lambda n: ((5 + n) / 6) ** 0.8),
}
ROWS = [[0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.4, 0.3, 0.2, 0.1]] * 5


def deck() -> TableStepper:
    return TableStepper(torch.tensor([[math.log(p) for p in row] for row in ROWS], dtype=torch.float64))


def symbols(hypothesis) -> tuple[int, ...]:
    return (*hypothesis.tokens, END) if hypothesis.finished else hypothesis.tokens


def test_the_listing_of_the_deck():
    stepper = deck()
    (found,) = Beam(width=3, hypotheses=3).decode(stepper, stepper.start(1), 0, None, 10)
    assert [(list(h.tokens), -h.score) for h in found] == [
        ([4, 0, 4, 0, 4, 0, 4, 0, 4, 0], 6.931471805599453),
        ([4, 0, 4, 0, 4, 0, 4, 0, 4, 1], 7.154615356913663),
        ([4, 0, 4, 0, 4, 0, 4, 0, 3, 0], 7.154615356913663),
    ]
    assert not any(h.finished for h in found)


@pytest.mark.parametrize("penalty", list(DIVISORS))
@pytest.mark.parametrize("seed", range(3))
def test_a_beam_of_full_width_is_exhaustive_search(penalty, seed):
    model, (length_penalty, divisor) = TreeStepper(4, seed), DIVISORS[penalty]
    beam = Beam(width=4**4, hypotheses=6, length_penalty=length_penalty)
    found = beam.decode(model, model.start([7, 8]), BEGIN, END, 5)
    for name, hypotheses in zip((7, 8), found):
        expected = ranked(list(every_sequence(model, name, BEGIN, END, 5)), divisor, 6)
        assert [symbols(h) for h in hypotheses] == [path for path, _ in expected]
        assert [h.score for h in hypotheses] == pytest.approx([score for _, score in expected], abs=1e-12)
        assert all(h.finished for h in hypotheses)


@pytest.mark.parametrize("penalty", list(DIVISORS))
@pytest.mark.parametrize(("width", "count"), [(1, 1), (2, 2), (3, 1), (4, 5)])
def test_the_stop_loses_nothing_that_a_longer_search_would_find(penalty, width, count):
    length_penalty, divisor = DIVISORS[penalty]
    names = list(range(6))
    model = TreeStepper(5, seed=3)
    found = Beam(width, count, length_penalty).decode(model, model.start(names), BEGIN, END, 9)
    for name, hypotheses in zip(names, found):
        expected = beam_that_never_stops(model, name, BEGIN, END, 9, width, divisor, count)
        ended = [h for h in hypotheses if h.finished]
        assert [symbols(h) for h in ended] == [path for path, _ in expected]
        assert [h.score for h in ended] == pytest.approx([score for _, score in expected], abs=1e-12)
        assert len(hypotheses) == count  # the limit's own fill what is left, after those that ended
        assert [h.finished for h in hypotheses] == sorted((h.finished for h in hypotheses), reverse=True)


def test_a_search_stops_when_nothing_can_change_any_more():
    """The end symbol has 0.9 at every step: without length penalty, one step shows that nothing beats it."""
    row = [0.02, 0.9, 0.05, 0.03]
    stepper = TableStepper(torch.tensor([row] * 50, dtype=torch.float64).log())
    steps = 0
    plain = stepper.step

    def counted(tokens, state):
        nonlocal steps
        steps += 1
        return plain(tokens, state)

    stepper.step = counted
    (found,) = Beam(width=2).decode(stepper, stepper.start(1), BEGIN, END, 50)
    assert (found[0].tokens, steps) == ((), 1)


def test_a_length_penalty_keeps_the_search_open_as_long_as_it_must():
    """Ending at once costs log 2; the long way, certain after its first step, wins on average only at 9 symbols."""
    steps = [[0.0, 0.5, 0.5]] + [[0.0, 0.0, 1.0]] * 8 + [[0.0, 1.0, 0.0]]
    stepper = TableStepper(torch.tensor(steps, dtype=torch.float64).log())
    (found,) = Beam(width=1, length_penalty=Average()).decode(stepper, stepper.start(1), BEGIN, END, 10)
    assert found[0].tokens == (2,) * 9
    assert found[0].score == pytest.approx(math.log(0.5) / 10, abs=1e-15)


def test_one_hypothesis_without_length_penalty_is_greedy_decoding():
    model = TreeStepper(6, seed=4)
    names = list(range(20))
    by_beam = Beam(width=1).decode(model, model.start(names), BEGIN, END, 12)
    greedy = Greedy().decode(model, model.start(names), BEGIN, END, 12)
    for one, other in zip(by_beam, greedy):
        assert one[0].tokens == other[0].tokens
        assert one[0].score == pytest.approx(other[0].score, abs=1e-12)


@pytest.mark.parametrize("name", list(DIVISORS))
def test_scores_are_those_of_forced_scoring(name):
    model = GRUStepper()
    memory, lengths = model.sources(9)
    beam = Beam(width=4, hypotheses=3, length_penalty=DIVISORS[name][0])
    found = beam.decode(model, model.start(memory, lengths), BEGIN, END, 12)
    finished = [[h for h in row if h.finished] for row in found]
    assert sum(map(len, finished)) > 9
    targets = [[h.tokens for h in row] for row in finished]
    scored = forced(model, model.start(memory, lengths), targets, BEGIN, END, DIVISORS[name][0])
    for row, others in zip(finished, scored):
        for h, other in zip(row, others, strict=True):
            assert h.tokens == other.tokens
            assert h.score == pytest.approx(other.score, abs=1e-12)
            assert h.log_probability == pytest.approx(other.log_probability, abs=1e-12)
            assert h.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-12)


def test_float32_scores_of_long_texts_are_those_of_forced_scoring():
    model = GRUStepper(vocabulary=3000, dtype=torch.float32)
    memory, lengths = model.sources(4)
    found = Beam(width=5).decode(model, model.start(memory, lengths), BEGIN, None, 60)
    scored = forced(model, model.start(memory, lengths), [[h.tokens for h in row] for row in found], BEGIN, None)
    for (mine,), (other,) in zip(found, scored):
        assert mine.log_probability == pytest.approx(other.log_probability, abs=1e-5)
        assert mine.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "beam",
    [
        Beam(5, 3, GNMT(0.7)),
        Beam(4, 2, Average(), coverage=0.3),
        Beam(6, 3, groups=3, diversity=0.8),
        Beam(3, minimum=4),
    ],
    ids=["gnmt", "coverage", "groups", "minimum"],
)
def test_a_sentence_does_not_feel_the_batch_it_is_in(beam, dtype):
    model = GRUStepper(vocabulary=700 if dtype == torch.float64 else 17, dtype=dtype)
    memory, lengths = model.sources(64)
    limits = torch.arange(64) % 11
    together = beam.decode(model, model.start(memory, lengths), BEGIN, END, limits)
    for k in range(0, 64, 7):
        state = model.start(memory[k : k + 1], lengths[k : k + 1])
        (other,), mine = beam.decode(model, state, BEGIN, END, int(limits[k])), together[k]
        assert [h.tokens for h in mine] == [h.tokens for h in other]
        assert [h.score for h in mine] == pytest.approx([h.score for h in other], abs=1e-6, rel=1e-6)


def test_coverage_is_equation_14():
    model = GRUStepper()
    memory, lengths = model.sources(5)
    alpha, beta = 0.6, 0.4
    beam = Beam(4, 4, GNMT(alpha), coverage=beta)
    found = beam.decode(model, model.start(memory, lengths), BEGIN, END, 10)
    for k, row in enumerate(found):
        length = int(lengths[k])
        for h in row:
            state, sums = model.start(memory[k : k + 1, :length], lengths[k : k + 1]), torch.zeros(length).double()
            for token in [BEGIN, *h.tokens][: len(h.log_probabilities)]:
                _, state = model.step(torch.tensor([[token]]), state)
                sums += state["attention"][0, 0]
            penalty = beta * sums.clamp(max=1).log().sum().item()
            divisor = ((5 + len(h.log_probabilities)) / 6) ** alpha
            assert h.score == pytest.approx(h.log_probability / divisor + penalty, abs=1e-10)


def test_coverage_needs_attention():
    model = TreeStepper(4)
    with pytest.raises(ArgumentError, match="needs a stepper that tells its attention") as caught:
        Beam(coverage=0.2).decode(model, model.start([0]), BEGIN, END, 5)
    assert "coverage" in caught.value.hint


def test_the_minimum_holds_the_end_symbol_back():
    model, divisor = TreeStepper(4, seed=1), DIVISORS["none"][1]
    (found,) = Beam(4**4, 5, minimum=3).decode(model, model.start([2]), BEGIN, END, 5)
    expected = ranked(list(every_sequence(model, 2, BEGIN, END, 5, minimum=3)), divisor, 5)
    assert [symbols(h) for h in found] == [path for path, _ in expected]


# ---------------------------------------------------------------------------------------------------- groups


def test_groups_choose_what_the_paper_says():
    """Two groups of one: the second follows argmax of log p minus diversity where the first one went (algorithm 1)."""
    model, diversity = TreeStepper(5, seed=6), 1.1
    names = list(range(8))
    found = Beam(2, 2, groups=2, diversity=diversity).decode(model, model.start(names), BEGIN, None, 6)
    for name, hypotheses in zip(names, found):
        first, second = (), ()
        for _ in range(6):
            one, other = model.after(name, (BEGIN, *first)), model.after(name, (BEGIN, *second))
            first = (*first, one.index(max(one)))
            paying = [value - diversity * (symbol == first[-1]) for symbol, value in enumerate(other)]
            second = (*second, paying.index(max(paying)))
        assert {h.tokens for h in hypotheses} == {first, second}
        assert hypotheses[0].score >= hypotheses[1].score
        read = (BEGIN,)
        for token, value in zip(hypotheses[1].tokens, hypotheses[1].log_probabilities):
            assert value == pytest.approx(model.after(name, read)[token], abs=1e-12)  # the score is without diversity
            read = (*read, token)


def test_groups_differ_the_more_the_higher_the_diversity():
    model = TreeStepper(8, seed=2)
    names = list(range(30))

    def different_first_symbols(**arguments) -> float:
        found = Beam(6, 3, **arguments).decode(model, model.start(names), BEGIN, None, 5)
        return sum(len({h.tokens[0] for h in row}) for row in found) / len(names)

    none, some, much = (different_first_symbols(groups=3, diversity=d) for d in (0.0, 1.0, 100.0))
    assert none < some < much == 3


@pytest.mark.parametrize(
    "arguments",
    [
        {"width": 5, "groups": 2, "hypotheses": 2, "diversity": 1.0},
        {"width": 4, "groups": 2, "hypotheses": 1, "diversity": 1.0},
        {"width": 4, "groups": 2, "hypotheses": 2},
        {"diversity": 0.5},
    ],
)
def test_groups_that_do_not_fit_are_refused(arguments):
    with pytest.raises(ArgumentError) as caught:
        Beam(**arguments)
    assert caught.value.path


# ------------------------------------------------------------------------------------------------ odd and bad input


def test_nothing_to_decode():
    model = TreeStepper(4)
    assert Beam().decode(model, model.start([]), BEGIN, END, 5) == []
    (found,) = Beam().decode(model, model.start([3]), BEGIN, END, 0)
    assert [(h.tokens, h.score, h.finished, h.log_probabilities) for h in found] == [((), 0.0, False, ())]
    assert model.steps_run == 0


def test_a_vocabulary_smaller_than_the_beam():
    stepper = TableStepper(torch.tensor([[0.0]] * 3, dtype=torch.float64))
    (ends,) = Beam(4, 4).decode(stepper, stepper.start(1), 0, 0, 3)
    assert [(h.tokens, h.finished) for h in ends] == [((), True)]
    (goes_on,) = Beam(4, 4).decode(stepper, stepper.start(1), 0, None, 3)
    assert [(h.tokens, h.finished) for h in goes_on] == [((0, 0, 0), False)]


def test_symbols_of_probability_0_are_never_said():
    table = torch.tensor([[0.0, 0.0, 0.7, 0.3], [0.0, 0.6, 0.4, 0.0], [0.0, 1.0, 0.0, 0.0]], dtype=torch.float64).log()
    stepper = TableStepper(table)
    (found,) = Beam(8, 8).decode(stepper, stepper.start(1), BEGIN, END, 3)
    assert [h.tokens for h in found] == [(2,), (2, 2), (3,), (3, 2)]
    assert [math.exp(h.score) for h in found] == pytest.approx([0.42, 0.28, 0.18, 0.12])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([math.nan, 0.1, 0.2], "hold NaN at step 1 of sentence 2"),
        ([-math.inf] * 3, "every symbol has probability 0 at step 1 of sentence 2"),
        ([2.5, 0.1, -1.0], "a log-probability is 2.5, above 0, at step 1 of sentence 2"),
    ],
)
@pytest.mark.parametrize("decoder", [Beam(2), Greedy()], ids=["beam", "greedy"])
def test_numbers_that_are_no_log_probabilities_are_refused(decoder, value, message):
    stepper = TableStepper(torch.full((5, 3), math.log(1 / 3)))

    def step(tokens, state):
        log_probabilities, state = TableStepper.step(stepper, tokens, state)
        log_probabilities[(state == 2)[..., 0] & (torch.arange(len(tokens)) == 2), 0] = torch.tensor(value)
        return log_probabilities, state

    stepper.step = step
    with pytest.raises(DivergenceError, match=message) as caught:
        decoder.decode(stepper, stepper.start(4), BEGIN, None, 5)
    assert caught.value.hint


@pytest.mark.parametrize("decoder", [Beam(2), Greedy()], ids=["beam", "greedy"])
def test_symbols_and_limits_out_of_range(decoder):
    model = GRUStepper()
    state = model.start(*model.sources(3))
    for begin, end, limit, message in (
        (-1, 1, 5, "begin symbol -1 is negative"),
        (0, -2, 5, "end symbol -2 is negative"),
        (17, 1, 5, "cannot read the symbols 17 to 17 at step 0"),
        (0, 17, 5, "end symbol 17 is not in the vocabulary of 17 symbols"),
        (0, 1, -1, "limit -1 is no number of steps"),
        (0, 1, 2.5, "limit 2.5 is no number of steps"),
        (0, 1, [3, 3], "2 limits for 3 sentences"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            decoder.decode(model, state, begin, end, limit)
        assert caught.value.hint
    table = deck()
    with pytest.raises(ArgumentError, match="begin symbol 5 is not in the vocabulary of 5 symbols"):
        decoder.decode(table, table.start(1), 5, None, 3)
    with pytest.raises(ArgumentError, match="minimum"):
        type(decoder)(minimum=2).decode(model, state, 0, None, 3)


def test_each_sentence_can_begin_with_a_symbol_of_its_own():
    model = TreeStepper(5)
    found = Beam(3).decode(model, model.start([1, 1, 1]), torch.tensor([0, 2, 3]), None, 4)
    for begin, row in zip((0, 2, 3), found):
        assert row == Beam(3).decode(model, model.start([1]), begin, None, 4)[0]


def test_a_state_that_does_not_say_how_many_sentences_there_are():
    model = TreeStepper(5)
    with pytest.raises(ArgumentError, match="the state holds no tensor"):
        Beam().decode(model, {"h": None}, BEGIN, END, 3)
    with pytest.raises(ArgumentError, match="tensors of 2, 3 sentences"):
        Beam().decode(model, (torch.zeros(2), [torch.zeros(3, 1)]), BEGIN, END, 3)


def test_a_step_of_the_wrong_shape():
    model = TreeStepper(5)
    model.step = lambda tokens, state: (torch.zeros(len(tokens), 5), state)
    with pytest.raises(ArgumentError, match=r"step 0 gave \(2, 5\) where \(2, 1, 'vocabulary'\) was expected"):
        Beam().decode(model, model.start([0, 1]), BEGIN, END, 3)


def test_length_penalties_do_not_fall():
    lengths = torch.arange(0, 50, dtype=torch.float64)
    for penalty in (NoPenalty(), Average(), GNMT(0.0), GNMT(0.6), GNMT(3.0)):
        divisor = penalty.divisor(lengths)
        assert (divisor > 0).all()
        assert (divisor.diff() >= 0).all()
    assert isinstance(LengthPenalty.from_config({"name": "gnmt", "alpha": 0.2}), GNMT)
