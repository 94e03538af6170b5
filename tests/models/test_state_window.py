"""Which states a read-out sees: against a plain loop over rows and steps."""

from __future__ import annotations

import numpy
import pytest
import torch

from gatefield.core.errors import InputError
from gatefield.models import state_window
from gatefield.models.state_window import StateWindow, between, blocks


def states(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_bounds_hold_the_steps_beyond_the_washout(bidirectional):
    ends = torch.tensor([7, 3, 0, 12])
    first, last = StateWindow(3, "none", bidirectional).bounds(ends)
    chosen = between(first, last, slice(0, 12))
    for row, end in enumerate(ends.tolist()):
        expected = [3 <= step < (end - 3 if bidirectional else end) for step in range(12)]
        assert chosen[row].tolist() == expected
    pieces = [between(first, last, slice(begin, min(begin + 5, 12))) for begin in range(0, 12, 5)]
    assert torch.equal(torch.cat(pieces, 1), chosen)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("fresh", [False, True])
def test_pools_the_steps_that_count(bidirectional, fresh):
    x, ends = states(4, 11, 3), [11, 6, 9, 5]
    lengths = torch.tensor(ends)
    mean = StateWindow(2, "mean", bidirectional).pooled(x, lengths, fresh)
    last = StateWindow(2, "last", bidirectional).pooled(x, lengths, fresh)
    for row, end in enumerate(ends):
        counted = x[row, 2 : end - 2 * bidirectional] if fresh else x[row, :end]
        assert numpy.abs(mean[row].numpy() - counted.numpy().mean(0)).max() < 1e-15
        assert torch.equal(last[row], counted[-1])


@pytest.mark.parametrize("pool", ["mean", "last"])
def test_a_row_within_the_washout_is_named(pool):
    with pytest.raises(InputError, match="row 1 has 2 steps, none beyond the wash-out") as caught:
        StateWindow(2, pool, False).pooled(states(3, 5, 2), torch.tensor([5, 2, 3]), fresh=True)
    assert "shorter wash-out" in str(caught.value.hint)
    # what goes on after a former call has no wash-out
    StateWindow(2, pool, False).pooled(states(3, 5, 2), torch.tensor([5, 2, 3]), fresh=False)


@pytest.mark.parametrize("pool", ["mean", "last"])
@pytest.mark.parametrize("time", [0, 4])
def test_no_rows(pool, time):
    found = StateWindow(1, pool, False).pooled(states(0, time, 3), torch.zeros(0, dtype=torch.int64), fresh=True)
    assert found.shape == (0, 3)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 1000), (40, 13), (0, 5), (2, 0)])
@pytest.mark.parametrize("whole", [False, True])
def test_blocks_cover_everything_once_and_hold_little(shape, whole, monkeypatch):
    monkeypatch.setattr(state_window, "CHUNK", 600)
    (batch, time), width = shape, 6
    seen = torch.zeros(batch, time, dtype=torch.int64)
    latest = dict.fromkeys(range(batch), 0)
    for rows, steps in blocks(batch, time, width, whole):
        seen[rows, steps] += 1
        count = (rows.stop - rows.start) * (steps.stop - steps.start) * width
        assert count <= 600 or (whole and rows.stop == rows.start + 1)
        for row in range(rows.start, rows.stop):  # a row's states follow from its earlier ones
            assert steps.start == latest[row]
            latest[row] = steps.stop
        assert not whole or steps == slice(0, time)
    assert (seen == 1).all()


def test_a_step_wider_than_a_chunk_is_taken_alone(monkeypatch):
    monkeypatch.setattr(state_window, "CHUNK", 10)
    assert list(blocks(1, 3, 50, whole=False)) == [(slice(0, 1), slice(n, n + 1)) for n in range(3)]
