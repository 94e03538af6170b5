"""Batches of sequences of similar length, and the data sets they are made of."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import ArgumentError, DataError
from gatefield.data.length_buckets import POOL, LengthBuckets
from gatefield.data.ragged import Ragged
from gatefield.data.sequence_set import (
    IGNORED,
    ContinuedSequences,
    LabelledSequences,
    PairedSequences,
    TaggedSequences,
    TranscribedSequences,
)
from gatefield.training.batches import IGNORED as IGNORED_IN_TRAINING

LENGTHS = st.lists(st.integers(0, 9), min_size=1, max_size=40)


def _rows(lengths, first=1):
    return Ragged.from_rows([[first + number] * length for number, length in enumerate(lengths)])


def _labelled(lengths):
    return LabelledSequences(_rows(lengths), torch.arange(len(lengths)))


def _tagged(lengths):
    lengths = [length + 1 for length in lengths]
    return TaggedSequences(_rows(lengths), _rows(lengths, first=101))


@settings(deadline=None)
@given(
    LENGTHS,
    st.integers(1, 12),
    st.sampled_from(["items", "tokens"]),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from([_labelled, _tagged]),
)
def test_every_item_once_an_epoch_over_all_processes(lengths, batch_size, counted_in, shuffle, world, make):
    sequences = make(lengths)
    settings = {"counted_in": counted_in, "seed": 3, "shuffle": shuffle, "world": world}
    processes = [LengthBuckets(sequences, batch_size, rank=rank, **settings) for rank in range(world)]
    epochs = [list(batches.epoch(1)) for batches in processes]
    met = [int(i) for batches in epochs for batch in batches if batch.share for i in batch.indices]
    assert sorted(met) == list(range(len(lengths)))
    sizes = processes[0].sizes(1)
    assert sum(sizes) == int(sequences.counts.sum())
    for step, size in enumerate(sizes):
        mine = [batches[step] for batches in epochs]
        assert {batch.size for batch in mine} == {size}
        assert sum(batch.share for batch in mine) == pytest.approx(1)
        for batch in mine:
            count = int(sequences.counts[batch.indices].sum())
            assert batch.share == (pytest.approx(count / size) if batch.share else 0)
            assert count > 0  # also a dummy has a loss
    for batches, whole in zip(processes, epochs):
        for start in (1, len(sizes)):
            again = list(batches.epoch(1, start=start))
            assert [b.indices.tolist() for b in again] == [b.indices.tolist() for b in whole[start:]]


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 30))
def test_a_batch_of_tokens_holds_no_more_with_its_padding(lengths, budget):
    batches = LengthBuckets(_labelled(lengths), budget, counted_in="tokens", seed=0, shuffle=True)
    for batch in batches.epoch(0):
        tokens, _ = batch.inputs
        assert tokens.numel() <= budget or len(tokens) == 1


def test_order_is_a_function_of_seed_and_epoch_alone():
    lengths = torch.randint(1, 30, (500,), generator=torch.Generator().manual_seed(0)).tolist()

    def order(seed, epoch, batches=None):
        batches = batches or LengthBuckets(_labelled(lengths), 8, seed=seed, shuffle=True)
        return torch.cat([batch.indices for batch in batches.epoch(epoch)]).tolist()

    used = LengthBuckets(_labelled(lengths), 8, seed=1, shuffle=True)
    orders = [order(1, epoch, used) for epoch in (2, 0, 1, 2)]
    assert orders[0] == orders[3] == order(1, 2)
    assert orders[0] != orders[1] != orders[2]
    assert order(2, 2) != orders[0]
    whole = LengthBuckets(_labelled(lengths), 8, seed=1, shuffle=False)
    assert order(0, 0, whole) == order(0, 5, whole)


def test_little_is_padded():
    lengths = torch.randint(1, 100, (4 * POOL * 16,), generator=torch.Generator().manual_seed(0)).tolist()

    def waste(batches):
        padded = sum(batch.inputs[0].numel() for batch in batches.epoch(0))
        return 1 - sum(lengths) / padded

    assert waste(LengthBuckets(_labelled(lengths), 16, seed=0, shuffle=False)) < 0.01
    assert waste(LengthBuckets(_labelled(lengths), 16, seed=0, shuffle=True)) < 0.03
    steps = [
        int(batch.inputs[0].shape[1]) for batch in LengthBuckets(_labelled(lengths), 16, seed=0, shuffle=True).epoch(0)
    ]
    assert steps != sorted(steps)  # short and long batches in turn, not a curriculum


def test_all_in_one_and_nothing_at_all():
    whole = list(LengthBuckets(_labelled([3, 1, 2]), "all", seed=0, shuffle=True).epoch(0))
    assert len(whole) == 1
    assert sorted(whole[0].indices.tolist()) == [0, 1, 2]
    empty = LengthBuckets(_labelled([]), 4, counted_in="tokens", seed=0, shuffle=True)
    assert empty.sizes(0) == []
    assert list(empty.epoch(0)) == []


@pytest.mark.parametrize(("batch_size", "rank", "world"), [(0, 0, 1), (-3, 0, 1), (2, 2, 2), (2, -1, 2)])
def test_impossible_settings(batch_size, rank, world):
    with pytest.raises(ArgumentError) as caught:
        LengthBuckets(_labelled([1]), batch_size, seed=0, shuffle=True, rank=rank, world=world)
    assert caught.value.hint


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-5, 5), max_size=5), max_size=6), st.data())
def test_padding_is_after_the_end_only(rows, data):
    ragged = Ragged.from_rows(rows)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=4)) if rows else []
    padded, lengths = ragged.padded(torch.tensor(chosen, dtype=torch.int64), -9)
    longest = max((len(rows[place]) for place in chosen), default=0)
    assert padded.tolist() == [rows[place] + [-9] * (longest - len(rows[place])) for place in chosen]
    assert lengths.tolist() == [len(rows[place]) for place in chosen]
    assert [ragged.without_first()[number].tolist() for number in range(len(rows))] == [row[1:] for row in rows]
    assert [ragged.without_last()[number].tolist() for number in range(len(rows))] == [row[:-1] for row in rows]
    some = ragged.subset(torch.tensor(chosen, dtype=torch.int64))
    assert [some[number].tolist() for number in range(len(some))] == [rows[place] for place in chosen]


def test_rows_of_frames_and_rows_out_of_reach():
    frames = [torch.randn(3, 2), torch.randn(0, 2), torch.randn(1, 2)]
    padded, _ = Ragged.from_rows(frames).padded(torch.tensor([2, 0]))
    assert torch.equal(padded[0], torch.cat([frames[2], torch.zeros(2, 2)]))
    assert torch.equal(padded[1], frames[0])
    with pytest.raises(DataError, match="out of the data"):
        Ragged(torch.arange(3), torch.tensor([2, 2]))


def test_tags_of_padding_do_not_count():
    sequences = TaggedSequences(Ragged.from_rows([[1, 2], [3]]), Ragged.from_rows([[4, 5], [6]]))
    (tokens, lengths), targets = sequences.batch(torch.tensor([1, 0]))
    assert tokens.tolist() == [[3, 0], [1, 2]]
    assert lengths.tolist() == [1, 2]
    assert targets.tolist() == [[6, IGNORED], [4, 5]]
    assert sequences.counts.tolist() == [2, 1]
    assert IGNORED == IGNORED_IN_TRAINING == torch.nn.CrossEntropyLoss().ignore_index


def test_what_comes_next():
    sequences = ContinuedSequences(Ragged.from_rows([[2, 5, 6, 3], [2, 3]]))
    (tokens, lengths), targets = sequences.batch(torch.tensor([0, 1]))
    assert tokens.tolist() == [[2, 5, 6], [2, 0, 0]]
    assert targets.tolist() == [[5, 6, 3], [3, IGNORED, IGNORED]]
    assert lengths.tolist() == sequences.counts.tolist() == [3, 1]
    roll = torch.eye(4, dtype=torch.uint8)
    (frames, _), following = ContinuedSequences(Ragged.from_rows([roll])).batch(torch.tensor([0]))
    assert torch.equal(frames[0], torch.eye(4)[:3])
    assert torch.equal(following[0], torch.eye(4)[1:])


def test_a_target_is_given_one_step_late():
    sequences = PairedSequences(Ragged.from_rows([[7, 8, 9], [7]]), Ragged.from_rows([[2, 4, 3], [2, 5, 6, 4, 3]]))
    (source, lengths, before, steps), targets = sequences.batch(torch.tensor([0, 1]))
    assert source.tolist() == [[7, 8, 9], [7, 0, 0]]
    assert lengths.tolist() == [3, 1]
    assert before.tolist() == [[2, 4, 0, 0], [2, 5, 6, 4]]
    assert steps.tolist() == [2, 4]
    assert targets.tolist() == [[4, 3, IGNORED, IGNORED], [5, 6, 4, 3]]
    assert sequences.lengths.tolist() == [3, 4]
    assert sequences.counts.tolist() == [2, 4]


def test_transcriptions_keep_both_lengths():
    frames = Ragged.from_rows([torch.ones(4, 2), torch.ones(3, 2)])
    (x, lengths), (texts, text_lengths) = TranscribedSequences(frames, Ragged.from_rows([[1], [2, 3]])).batch(
        torch.tensor([0, 1])
    )
    assert tuple(x.shape) == (2, 4, 2)
    assert lengths.tolist() == [4, 3]
    assert texts.tolist() == [[1, 0], [2, 3]]
    assert text_lengths.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TaggedSequences(_rows([2, 1]), _rows([2, 2])), "sequence 1 has 1 steps but 2 tags"),
        (lambda: TaggedSequences(_rows([2, 0]), _rows([2, 0])), "sequence 1 has 0 steps"),
        (lambda: ContinuedSequences(_rows([2, 1])), "sequence 1 has 1 steps"),
        (lambda: PairedSequences(_rows([1, 1]), _rows([3, 1])), "sequence 1 has 1 steps"),
        (lambda: PairedSequences(_rows([1]), _rows([3, 3])), "1 sequences but 2 targets"),
        (lambda: LabelledSequences(_rows([1]), torch.zeros(2)), "1 sequences but 2 labels"),
        (lambda: TranscribedSequences(_rows([1]), _rows([])), "1 sequences but 0 texts"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(DataError, match=message) as caught:
        make()
    assert caught.value.hint


def test_the_fingerprint_sees_every_number():
    def made(token=1, tag=2):
        return TaggedSequences(Ragged.from_rows([[token, 5], [6]]), Ragged.from_rows([[tag, 3], [4]])).fingerprint()

    assert made() == made()
    assert len({made(), made(token=9), made(tag=9)}) == 3
    assert Ragged.from_rows([[1, 2], [3]]).fingerprint() != Ragged.from_rows([[1], [2, 3]]).fingerprint()
