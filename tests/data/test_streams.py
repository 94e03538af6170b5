"""Streams of truncated back-propagation through time."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from gatefield.core.errors import ArgumentError, DataError
from gatefield.data.sequence_set import IGNORED
from gatefield.data.streams import Streams


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(1, 9), st.integers(1, 7), st.integers(1, 4))
def test_every_symbol_is_predicted_once_from_the_one_before(count, batch, steps, world):
    ids = torch.arange(100, 100 + count)
    processes = [Streams(ids, batch, steps, rank=rank, world=world) for rank in range(world)]
    sizes = processes[0].sizes(0)
    assert sum(sizes) == count - 1
    epochs = [list(streams.epoch(0)) for streams in processes]
    predicted = []
    for step, size in enumerate(sizes):
        mine = [batches[step] for batches in epochs]
        assert {part.size for part in mine} == {size}
        assert sum(part.share for part in mine) == pytest.approx(1)
        for part in mine:
            tokens, targets = *part.inputs, part.targets
            assert tokens.shape == targets.shape
            assert tokens.shape[1] <= steps
            assert (targets != IGNORED).any()  # a loss of nothing would not be a number
            if part.share:
                counts = targets != IGNORED
                assert torch.equal(tokens[counts] + 1, targets[counts])
                assert part.share == pytest.approx(int(counts.sum()) / size)
                predicted += targets[counts].tolist()
    assert sorted(predicted) == ids[1:].tolist()


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(1, 9), st.integers(1, 7))
def test_each_row_goes_on_where_it_ended(count, batch, steps):
    ids = torch.arange(1, 1 + count)
    streams = Streams(ids, batch, steps)
    parts = list(streams.epoch(0))
    rows = torch.cat([part.inputs[0] for part in parts], 1)
    length = math.ceil((count - 1) / batch)
    assert tuple(rows.shape) == (batch, length)
    text = rows.flatten()[: count - 1]
    assert torch.equal(text, ids[:-1])
    assert not rows.flatten()[count - 1 :].any()
    for part in parts:
        for begin, row in zip(part.indices.tolist(), part.inputs[0]):
            if begin < count - 1:
                assert row[0] == ids[begin]
    for start in range(len(parts) + 1):
        again = list(streams.epoch(7, start=start))
        assert [part.inputs[0].tolist() for part in again] == [part.inputs[0].tolist() for part in parts[start:]]


def test_the_mean_over_batches_is_the_mean_over_the_text():
    """The sizes weigh each batch rightly, whatever the layout: a unigram model has one loss for the text."""
    ids = torch.randint(0, 5, (97,), generator=torch.Generator().manual_seed(0))
    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(1))
    whole = functional.cross_entropy(logits[ids[:-1]], ids[1:])
    for batch, steps, world in ((1, 96, 1), (4, 10, 1), (7, 3, 3), (50, 2, 4)):
        total = torch.zeros(())
        for rank in range(world):
            for part in Streams(ids, batch, steps, rank=rank, world=world).epoch(0):
                loss = functional.cross_entropy(logits[part.inputs[0]].flatten(0, 1), part.targets.flatten())
                total += part.size * part.share * loss
        assert total / 96 == pytest.approx(float(whole), rel=1e-5)


def test_streams_carry_their_state_and_count_tokens():
    assert Streams.carries
    assert Streams.unit == "token"
    assert Streams(torch.arange(5), 2, 2).fingerprint() != Streams(torch.arange(1, 6), 2, 2).fingerprint()


def test_some_rows_start_anew_wherever_the_run_stands():
    ids = torch.arange(20_000)
    streams = Streams(ids, 20, 4, reset_rate=0.1, seed=3)
    fresh = torch.stack([batch.fresh for batch in streams.epoch(0)])
    assert fresh.shape == (250, 20)
    assert abs(float(fresh.double().mean()) - 0.1) < 4 * math.sqrt(0.1 * 0.9 / fresh.numel())
    assert len(set(fresh.double().sum(0).tolist())) > 5  # each row by itself
    later = [batch.fresh for batch in streams.epoch(0, start=100)]
    assert torch.equal(torch.stack(later), fresh[100:])
    for other in (streams.epoch(1), Streams(ids, 20, 4, reset_rate=0.1, seed=4).epoch(0)):
        assert not torch.equal(torch.stack([batch.fresh for batch in other]), fresh)
    parts = [Streams(ids, 20, 4, reset_rate=0.1, seed=3, rank=rank, world=3).epoch(0) for rank in range(3)]
    together = [torch.cat([batch.fresh for batch in step]) for step in zip(*parts)]
    assert torch.equal(torch.stack(together), fresh)
    assert all(batch.fresh is None for batch in Streams(ids, 20, 4).epoch(0))


def test_impossible_streams():
    for batch, steps in ((0, 1), (1, 0)):
        with pytest.raises(ArgumentError, match="rows of"):
            Streams(torch.arange(9), batch, steps)
    with pytest.raises(ArgumentError, match="a chance of 2"):
        Streams(torch.arange(9), 1, 1, reset_rate=2)
    with pytest.raises(ArgumentError, match="rank 2 of 2"):
        Streams(torch.arange(9), 1, 1, rank=2, world=2)
    for short in (0, 1):
        with pytest.raises(DataError, match=f"{short} symbols"):
            Streams(torch.arange(short), 1, 1)
