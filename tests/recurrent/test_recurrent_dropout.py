"""Dropout between levels, in the recurrence, and zoneout: what they draw, and that they do it on the fast path."""

from __future__ import annotations

import pytest
import torch

from gatefield.core.errors import ArgumentError, InputError
from gatefield.recurrent import GRU, LSTM, ConvGRU, Elman, Recurrent, SkipRNN, UnitaryRNN, scan
from gatefield.recurrent.dropout import RecurrentDropout, Zoneout, drop_between

DOUBLE = torch.float64


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_masks_between_levels():
    x = torch.ones(50, 40, 30)
    each, variational = drop_between(x, 0.25, False), drop_between(x, 0.25, True)
    for dropped in (each, variational):
        assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
        assert abs((dropped == 0).float().mean() - 0.25) < 0.03
    assert (variational == variational[0]).all()
    assert not (each == each[0]).all()


@pytest.mark.parametrize("cell", [Elman(3, 6), LSTM(3, 6), GRU(3, 6), GRU(3, 6, reset="after")], ids=str)
def test_recurrent_dropout_masks_what_the_matrices_see(cell):
    """U (m * h): the same as a cell whose columns of U are scaled by m, for one row."""
    cell = cell.double()
    wrapped = RecurrentDropout(cell, 0.5)
    x = torch.randn(5, 1, 3, dtype=DOUBLE)
    state = cell.initial_state(1, (3,), DOUBLE, x.device)
    x, prepared = wrapped.prepare(x, state)
    mask = prepared[-1]
    assert set(mask.unique().tolist()) == {0.0, 2.0}
    states, final = scan(wrapped, x, prepared)
    with torch.no_grad():
        cell.U.mul_(mask)
    expected, end = scan(cell, x, state)
    torch.testing.assert_close(states[0], expected[0])
    torch.testing.assert_close(final[: len(end)], end)


def test_a_cell_without_a_place_for_recurrent_dropout_says_so(monkeypatch):
    monkeypatch.setenv("GATEFIELD_ENGINE", "reference")
    layer = Recurrent(UnitaryRNN(3, 4), recurrent_dropout=0.5)
    with pytest.raises(ArgumentError, match="UnitaryRNN has no recurrent dropout"):
        layer(torch.zeros(1, 2, 3))
    layer.eval()(torch.zeros(1, 2, 3))


def test_zoneout_keeps_the_old_value_or_takes_the_new():
    cell = LSTM(3, 50).double()
    wrapped = Zoneout(cell, {"c": 0.5, "h": 0.05}, sampled=True)
    state = tuple(torch.randn(20, 50, dtype=DOUBLE) for _ in range(2))
    x, _ = wrapped.prepare(torch.randn(1, 20, 3, dtype=DOUBLE), state)
    new = cell.step(x[0, :, :3], state)
    zoned = wrapped.step(x[0], state)
    for values, old, moved, rate in zip(zoned, state, new, (0.05, 0.5)):
        kept = values == old
        assert torch.equal(values[~kept], moved[~kept])
        assert abs(kept.double().mean() - rate) < 0.05


def test_zoneout_takes_the_mean_when_it_is_not_training():
    cell = GRU(3, 4).double()
    layer = Recurrent(cell, zoneout=0.3).double().eval()
    x = torch.randn(2, 5, 3, dtype=DOUBLE)
    output, state = layer(x)
    h = torch.zeros(2, 4, dtype=DOUBLE)
    streamed = None
    for t in range(5):
        h = 0.3 * h + 0.7 * cell.step(x[:, t], (h,))[0]
        torch.testing.assert_close(output[:, t], h)
        step, streamed = layer.step(x[:, t], streamed)
        torch.testing.assert_close(step, h)
    torch.testing.assert_close(state[0].h, h)


def test_frames_are_zoned_out_pixel_by_pixel():
    cell = ConvGRU(1, 3, (3, 3)).double()
    layer = Recurrent(cell, zoneout=0.5).double()
    start = [(torch.ones(2, 3, 6, 7, dtype=DOUBLE),)]
    output, _ = layer(torch.randn(2, 1, 1, 6, 7, dtype=DOUBLE), start)
    kept = output == 1
    assert abs(kept.double().mean() - 0.5) < 0.1
    assert len({tuple(channel.flatten().tolist()) for channel in kept[0, 0]}) == 3


NOISE = [
    {"recurrent_dropout": 0.3},
    {"zoneout": 0.3},
    {"recurrent_dropout": 0.3, "zoneout": {"h": 0.4}, "bidirectional": True},
    {"dropout": 0.3, "variational": True},
]


@pytest.mark.parametrize("options", NOISE, ids=str)
def test_noise_runs_on_the_fast_path_and_gives_what_the_loop_gives(monkeypatch, options):
    monkeypatch.delenv("GATEFIELD_ENGINE", raising=False)
    width = 10 if options.get("bidirectional") else 5
    layer = Recurrent([LSTM(3, 5), GRU(width, 5)], **options).double()
    x = torch.randn(4, 6, 3, dtype=DOUBLE)
    lengths, reset = [6, 2, 0, 4], torch.rand(4, 6) < 0.3
    assert {path.path for path in layer.fast_path(x)} <= {"native", "torch"}
    found = []
    for path in ("reference", ""):
        monkeypatch.setenv("GATEFIELD_ENGINE", path)
        torch.manual_seed(7)
        output, state = layer(x, lengths=lengths, reset=reset)
        gradients = torch.autograd.grad((output**2).sum() + state[0].c.sum(), list(layer.parameters()))
        found.append([output, *state[0], *gradients])
    for fast, slow in zip(found[1], found[0]):
        torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-10)
    first, second = layer(x)[0], layer(x)[0]
    assert not torch.equal(first, second)
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


def test_without_noise_evaluation_and_training_agree():
    layer = Recurrent([LSTM(3, 4), GRU(4, 4)], dropout=0.4, recurrent_dropout=0.4).double()
    plain = Recurrent([direction.cell for direction in layer.directions]).double()
    x = torch.randn(2, 5, 3, dtype=DOUBLE)
    torch.testing.assert_close(layer.eval()(x)[0], plain(x)[0])


def test_dropped_units_of_a_skip_connection():
    layer = Recurrent(SkipRNN(3, 4, 3), recurrent_dropout=0.5)
    assert layer(torch.randn(2, 6, 3))[0].isfinite().all()


def test_a_layer_that_drops_whole_sequences_does_not_step_in_training():
    layer = Recurrent(GRU(3, 4), zoneout=0.5)
    with pytest.raises(InputError, match="masks for whole sequences"):
        layer.step(torch.zeros(1, 3))
