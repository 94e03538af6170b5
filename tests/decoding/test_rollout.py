"""Greedy decoding and sampling: what is drawn, and that nothing depends on the batch."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch
from steppers import GRUStepper, TableStepper, TreeStepper

from gatefield.core.errors import ArgumentError, DivergenceError
from gatefield.decoding import Decoder, Forbidden, Greedy, Prefix, Sampling, forced

BEGIN, END = 0, 1
ROWS = [[0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.4, 0.3, 0.2, 0.1]] * 5


def draws(row: list[float], count: int = 4000, **arguments) -> Counter:
    """How often each symbol comes first, in one sentence with ``count`` samples."""
    stepper = TableStepper(torch.tensor([row], dtype=torch.float64).log())
    (found,) = Sampling(samples=count, **arguments).decode(stepper, stepper.start(1), 0, None, 1)
    return Counter(h.tokens[0] for h in found)


def assert_drawn_from(counts: Counter, row: list[float]) -> None:
    """Every count within 4.5 standard deviations of its expectation."""
    total = sum(counts.values())
    for symbol, p in enumerate(row):
        assert abs(counts[symbol] - total * p) <= 4.5 * math.sqrt(total * p * (1 - p)), symbol


def test_the_greedy_listing_of_the_deck():
    stepper = TableStepper(torch.tensor(ROWS, dtype=torch.float64).log())
    ((found,),) = Greedy().decode(stepper, stepper.start(1), 0, None, 10)
    assert found.tokens == (4, 0, 4, 0, 4, 0, 4, 0, 4, 0)
    assert found.score == pytest.approx(-6.931471805599453, abs=1e-14)


def test_greedy_takes_the_most_probable_symbol_of_each_prefix():
    model = TreeStepper(6, seed=11)
    found = Greedy(minimum=2).decode(model, model.start([5, 6, 7, 8]), BEGIN, END, 8)
    for name, (h,) in zip((5, 6, 7, 8), found):
        said: tuple[int, ...] = ()
        while len(said) < 8 and (not said or said[-1] != END):
            after = model.after(name, (BEGIN, *said))
            if len(said) < 2:
                after[END] = -math.inf
            said = (*said, after.index(max(after)))
        assert (*h.tokens, *([END] if h.finished else [])) == said
        assert len(h.tokens) >= 2


def test_of_equal_symbols_the_first_is_taken():
    stepper = TableStepper(torch.tensor([[0.2, 0.4, 0.4]] * 2).log())
    ((found,),) = Greedy().decode(stepper, stepper.start(1), 0, None, 2)
    assert found.tokens == (1, 1)


@pytest.mark.parametrize("decoder", [Greedy(), Sampling(seed=3), Sampling(1.3, 5, 0.9, samples=2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sentence_does_not_feel_the_batch_it_is_in(decoder, dtype):
    model = GRUStepper(dtype=dtype)
    memory, lengths = model.sources(64)
    limits = torch.arange(64) % 13
    together = decoder.decode(model, model.start(memory, lengths), BEGIN, END, limits)
    lengths_found = {len(h.tokens) for row in together for h in row}
    assert len(lengths_found) > 5
    for k in range(0, 64, 3):
        state = model.start(memory[k : k + 1], lengths[k : k + 1])
        (alone,) = decoder.decode(model, state, BEGIN, END, int(limits[k]), numbers=[k])
        for mine, other in zip(together[k], alone, strict=True):
            assert (mine.tokens, mine.finished) == (other.tokens, other.finished)
            assert mine.score == pytest.approx(other.score, abs=1e-6, rel=1e-6)


def test_samples_do_not_depend_on_the_order_nor_on_how_many_there_are():
    model = TreeStepper(6, seed=5)
    decoder = Sampling(samples=2, seed=8)
    there = decoder.decode(model, model.start([3, 4, 5]), BEGIN, END, 100, numbers=[30, 40, 50])
    back = decoder.decode(model, model.start([5, 4, 3]), BEGIN, END, 100, numbers=[50, 40, 30])
    assert there == back[::-1]
    more = Sampling(samples=5, seed=8).decode(model, model.start([3, 4, 5]), BEGIN, END, 100, numbers=[30, 40, 50])
    assert [row[:2] for row in more] == there
    assert more[0][2:4] != more[0][:2]
    other = Sampling(samples=2, seed=9).decode(model, model.start([3, 4, 5]), BEGIN, END, 100, numbers=[30, 40, 50])
    assert other != there


def test_samples_of_a_longer_limit_begin_the_same():
    """Random numbers are drawn 64 ahead; streams go on where the last ones ended."""
    model = GRUStepper()
    memory, lengths = model.sources(3)
    short, long = (Sampling().decode(model, model.start(memory, lengths), BEGIN, None, n) for n in (70, 140))
    for (one,), (other,) in zip(short, long):
        assert other.tokens[:70] == one.tokens
        assert other.tokens[64:128] != other.tokens[:64]


def test_samples_follow_the_distribution():
    row = [0.5, 0.2, 0.0, 0.25, 0.05]
    counts = draws(row)
    assert counts[2] == 0
    assert_drawn_from(counts, row)


def test_temperature_is_a_power():
    row = [0.5, 0.2, 0.25, 0.05]
    for temperature in (0.5, 2.0):
        powers = [p ** (1 / temperature) for p in row]
        assert_drawn_from(draws(row, temperature=temperature), [p / sum(powers) for p in powers])
    assert set(draws(row, 50, temperature=1e-3)) == {0}


def test_top_k_and_nucleus_leave_what_the_papers_say():
    row = [0.1, 0.4, 0.05, 0.25, 0.2]
    assert_drawn_from(draws(row, top_k=2), [0, 0.4 / 0.65, 0, 0.25 / 0.65, 0])
    assert_drawn_from(draws(row, nucleus=0.6), [0, 0.4 / 0.65, 0, 0.25 / 0.65, 0])  # 0.4 + 0.25 reaches 0.6
    assert_drawn_from(draws(row, nucleus=0.39), [0, 1, 0, 0, 0])
    assert_drawn_from(draws(row, nucleus=1.0), row)
    assert_drawn_from(draws(row, top_k=3, nucleus=0.7), [0, 0.4 / 0.65, 0, 0.25 / 0.65, 0])  # of 0.85 that top-k left
    assert_drawn_from(draws(row, top_k=99), row)


def test_the_score_of_a_sample_is_the_models_own():
    model = GRUStepper()
    memory, lengths = model.sources(6)
    found = Sampling(0.7, nucleus=0.95, samples=3).decode(model, model.start(memory, lengths), BEGIN, END, 40)
    ended = [[h for h in row if h.finished] for row in found]
    assert sum(map(len, ended)) > 6
    scored = forced(model, model.start(memory, lengths), [[h.tokens for h in row] for row in ended], BEGIN, END)
    for mine, other in zip(itertools.chain(*ended), itertools.chain(*scored), strict=True):
        assert mine.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-12)
        assert mine.score == pytest.approx(sum(mine.log_probabilities), abs=1e-12)


def test_the_whole_vocabulary_may_be_forbidden():
    """A hypothesis that may say nothing more stops, unfinished."""
    stepper = TableStepper(torch.full((5, 3), math.log(1 / 3)))
    for decoder in (Greedy(), Sampling(), Sampling(nucleus=0.5)):
        constraints = [Prefix([[2, 1], []]), Forbidden([0, 1])]
        found = decoder.decode(stepper, stepper.start(2), 0, None, 4, constraints)
        assert [(h.tokens, h.finished) for (h,) in found] == [((2,), False), ((2, 2, 2, 2), False)]


@pytest.mark.parametrize("decoder", [Greedy(), Sampling(samples=3)])
def test_nothing_to_decode(decoder):
    model = TreeStepper(4)
    assert decoder.decode(model, model.start([]), BEGIN, END, 5) == []
    found = decoder.decode(model, model.start([1, 2]), BEGIN, END, 0)
    assert [[(h.tokens, h.score, h.finished) for h in row] for row in found] == [
        [((), 0.0, False)] * (3 if isinstance(decoder, Sampling) else 1)
    ] * 2


def test_sampling_refuses_what_it_cannot_use():
    model = TreeStepper(4)
    with pytest.raises(ArgumentError, match="2 numbers for 1 sentences"):
        Sampling().decode(model, model.start([0]), BEGIN, END, 5, numbers=[1, 2])
    for arguments in ({"temperature": 0.0}, {"nucleus": 0.0}, {"nucleus": 1.1}, {"top_k": 0}, {"samples": 0}):
        with pytest.raises(ArgumentError):
            Sampling(**arguments)
    stepper = TableStepper(torch.tensor([[math.nan, 0.0]]))
    with pytest.raises(DivergenceError, match="NaN at step 0 of sentence 0"):
        Sampling().decode(stepper, stepper.start(1), 0, None, 1)


def test_decoders_are_named_in_recipes():
    for config in ("greedy", {"name": "sampling", "top_k": 4}, {"name": "beam", "length_penalty": "average"}):
        decoder = Decoder.from_config(config)
        assert Decoder.from_config(decoder.config()).config() == decoder.config()
