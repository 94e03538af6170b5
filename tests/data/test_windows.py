"""Windows: cut where they should be, scaled by the training part alone, blind to what comes later."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.preprocessing import StandardScaler

from gatefield.core.errors import DataError
from gatefield.data.readers.csv_series import CsvSeries
from gatefield.data.windows import Scaling, WindowBatches, Windows, inputs_of, relative
from gatefield.tasks.forecast_frame import Frame


@pytest.fixture
def table():
    random = torch.Generator().manual_seed(0)
    values = torch.randn(60, 2, generator=random, dtype=torch.float64).cumsum(0)
    return values, torch.randn(70, 1, generator=random, dtype=torch.float64)


def all_of(windows: Windows):
    return windows.batch(torch.arange(len(windows)))


def test_windows_are_those_of_numpy(table):
    values, covariates = table
    got = all_of(Windows(values, covariates, 5, 3, 0, 60))
    joined = numpy.concatenate([values, covariates[:60]], 1).astype(numpy.float32)
    expected = sliding_window_view(joined, 8, axis=0).transpose(0, 2, 1)
    assert numpy.array_equal(got.past, expected[:, :5])
    assert numpy.array_equal(got.targets, expected[:, 5:, :2])
    assert numpy.array_equal(got.future, expected[:, 5:, 2:])


@pytest.mark.parametrize(("start", "stop"), [(0, 40), (40, 50), (50, 60), (0, 7), (0, 8)])
def test_targets_lie_in_their_part(table, start, stop):
    """Every step of the part from the window on is a target; nothing outside is."""
    steps = torch.arange(60, dtype=torch.float64)[:, None]
    windows = Windows(steps, table[1], 5, 3, start, stop)
    got = all_of(windows)
    assert len(windows) == max(0, stop - 3 + 1 - max(start, 5))
    if len(windows):
        assert sorted(set(got.targets.flatten().tolist())) == list(range(max(start, 5), stop))
        assert torch.equal(got.past[:, -1, 0] + 1, got.targets[:, 0, 0])
    assert len(Windows(steps, table[1], 5, 3, start, stop, every=4)) == math.ceil(len(windows) / 4)


def test_the_future_never_changes_the_past(table):
    """No leakage: whatever happens from step 40 on, training windows, scaling and checksum are the same bits."""
    values, covariates = table
    disturbed, changed = values.clone(), covariates.clone()
    disturbed[40:] = 1e6
    changed[40:] = -1e6
    series = CsvSeries(path="x").parse(b"v,w\n" + b"".join(b"%f,%f\n" % (a, b) for a, b in values.tolist()), "x")
    other = CsvSeries(path="x").parse(b"v,w\n" + b"".join(b"%f,%f\n" % (a, b) for a, b in disturbed.tolist()), "x")
    assert Frame.measure(series, 40, 4, (), False).config() == Frame.measure(other, 40, 4, (), False).config()
    one = Windows(Scaling.fit(values[:40])(values), covariates, 6, 4, 0, 40)
    two = Windows(Scaling.fit(disturbed[:40])(disturbed), changed, 6, 4, 0, 40)
    for a, b in zip(all_of(one), all_of(two)):
        assert torch.equal(a, b)
    assert one.fingerprint() == two.fingerprint()
    assert one.fingerprint() != Windows(Scaling.fit(values[:40])(values), covariates, 6, 4, 0, 41).fingerprint()


def test_what_is_seen_ends_before_the_origin(table):
    """The past of every validation window is independent of its own targets and all after them."""
    values, covariates = table
    windows = Windows(values, covariates, 6, 4, 40, 60)
    for number, origin in enumerate(windows.origins.tolist()):
        disturbed = values.clone()
        disturbed[origin:] = math.pi
        again = Windows(disturbed, covariates, 6, 4, 40, 60).batch(torch.tensor([number]))
        assert torch.equal(again.past, windows.batch(torch.tensor([number])).past)


def test_scaling_is_scikit_learns(table):
    values, _ = table
    scaling = Scaling.fit(values[:30])
    expected = StandardScaler().fit(values[:30].numpy()).transform(values.numpy())
    assert scaling(values).numpy() == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(scaling.inverse(scaling(values)), values)
    again = Scaling.from_config(scaling.config())
    assert torch.equal(again(values), scaling(values))


def test_scaling_of_logarithms_and_constants():
    values = torch.tensor([[1.0], [10.0], [100.0]])
    scaling = Scaling.fit(values, logarithm=True)
    torch.testing.assert_close(scaling.inverse(scaling(values)), values.double())
    torch.testing.assert_close(scaling(values).diff(dim=0)[0], scaling(values).diff(dim=0)[1])
    for unusable in (torch.tensor([[0.0]]), torch.tensor([[-1.0]])):
        with pytest.raises(DataError, match="logarithm"):
            scaling(unusable)
        with pytest.raises(DataError, match="logarithm"):
            Scaling.fit(unusable, logarithm=True)
    with pytest.raises(DataError, match=r"the value -2 at step 1 ") as caught:
        Scaling.fit(torch.tensor([[1.0, 3.0], [2.0, -2.0]]), logarithm=True)
    assert "logarithm=false" in caught.value.hint
    with pytest.raises(DataError, match=r"as large as 1e\+300"):
        Scaling.fit(torch.tensor([[1.0], [1e300]], dtype=torch.float64))
    constant = torch.full((7, 1), 0.1)
    assert Scaling.fit(constant)(constant).abs().max() < 1e-6
    assert Scaling.fit(constant).config()["std"] == [1.0]
    with pytest.raises(DataError, match="no training step"):
        Scaling.fit(torch.zeros(0, 1))


def test_relative_values_shift_with_the_series(table):
    """Counted from the last value, a series that is moved gives the same inputs and targets."""
    values, covariates = table
    window = all_of(Windows(values, covariates, 5, 3, 0, 60))
    moved = all_of(Windows(values + 7, covariates, 5, 3, 0, 60))
    (one, base), (two, higher) = relative(window, 2, "last"), relative(moved, 2, "last")
    torch.testing.assert_close(one.past, two.past, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(one.targets, two.targets, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(higher - base, torch.full_like(base, 7.0))
    assert (one.past[:, -1, :2] == 0).all()
    assert torch.equal(one.past[:, :, 2:], window.past[:, :, 2:])
    plain, nothing = relative(window, 2, "none")
    assert torch.equal(plain.past, window.past)
    assert not nothing.any()


def batches(table, **options) -> WindowBatches:
    windows = Windows(*table, 5, 3, 0, 60)
    return WindowBatches(windows, 8, **({"level": "last", "seed": 1, "shuffle": True} | options))


def test_an_epoch_has_every_window_once_in_an_order_of_its_own(table):
    of_size = batches(table)
    orders = [torch.cat([batch.indices for batch in of_size.epoch(epoch)]).tolist() for epoch in (0, 1)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(53))
    assert orders[0] != orders[1]
    assert [len(batch.indices) for batch in of_size.epoch(0)] == of_size.sizes(0)
    late = [batch.indices for batch in of_size.epoch(0, start=4)]
    assert torch.cat(late).tolist() == orders[0][32:]
    whole = batches(table, shuffle=False)
    assert torch.cat([batch.indices for batch in whole.epoch(3)]).tolist() == list(range(53))


@pytest.mark.parametrize("world", [2, 3, 9])
def test_processes_share_each_batch(table, world):
    alone = list(batches(table).epoch(2))
    together = [list(batches(table, rank=rank, world=world).epoch(2)) for rank in range(world)]
    for number, batch in enumerate(alone):
        parts = [one[number] for one in together]
        assert sum(part.share for part in parts) == pytest.approx(1)
        assert torch.cat([part.indices for part in parts if part.share]).tolist() == batch.indices.tolist()
        assert all(len(part.indices) and part.size == batch.size for part in parts)


def test_inputs_are_the_models_arguments(table):
    values, covariates = table
    assert len(inputs_of(all_of(Windows(values, covariates[:, :0], 5, 3, 0, 60)))) == 1
    past, lengths, future = inputs_of(all_of(Windows(values, covariates, 5, 3, 0, 60)))
    assert (lengths == 5).all()
    assert past.shape == (53, 5, 3)
    assert future.shape == (53, 3, 1)
