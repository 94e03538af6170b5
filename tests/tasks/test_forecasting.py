"""Forecasting end to end: what is measured is true, nothing leaks, and a run forecasts without its data."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import pathlib

import numpy
import pytest
import torch

from gatefield import load, train
from gatefield.core.console import Console
from gatefield.core.errors import ArgumentError, DataError, InputError, RecipeError
from gatefield.data.readers.csv_series import CsvSeries
from gatefield.data.readers.seasonal import Seasonal
from gatefield.data.series import Series, SeriesReader
from gatefield.data.windows import WindowBatches
from gatefield.functional.autoregression import least_squares, select_order
from gatefield.tasks.forecasting import Forecasting
from gatefield.tasks.train import resume
from gatefield.training.settings import Training

SMALL = {"name": "forecaster", "encoder": {"name": "recurrent", "cell": "gru", "hidden": [4]}}
TESTED = ("network", "seasonal-naive", "ar", "arx")


def write(folder: pathlib.Path, values, name: str = "sales.csv", first: int = 0) -> str:
    """A CSV file of months from 2001 on."""
    rows = [f"{2001 + t // 12}-{t % 12 + 1:02},{float(value)!r}" for t, value in enumerate(values, first)]
    (folder / name).write_text("month,sales\n" + "\n".join(rows) + "\n")
    return str(folder / name)


def values(count: int = 160) -> numpy.ndarray:
    random, t = numpy.random.default_rng(3), numpy.arange(count)
    return 50 + 0.2 * t + 8 * numpy.sin(2 * numpy.pi * t / 12) + random.normal(size=count)


def task(path: str, **settings) -> Forecasting:
    given = {"model": SMALL, "window": 12, "horizon": 3, "training": Training(epochs=2)} | settings
    return Forecasting(data=CsvSeries(path=path), **given)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forecasting")
    return train(task(write(folder, values())), out=folder / "run", seed=1, report=False)


# ----------------------------------------------------------------------------------------------------------- measures


def test_seasonal_naive_is_as_by_hand(run):
    y = values()
    start = run.task.division.validation
    origins = range(start, len(y) - 3 + 1)
    errors = numpy.array([[abs(y[o + h] - y[o + h - 12]) for h in range(3)] for o in origins])
    scale = numpy.abs(y[12 : run.task.division.train] - y[: run.task.division.train - 12]).mean()
    metrics = run.evaluate()
    naive = metrics["baselines"]["seasonal-naive"]
    assert metrics["count"] == len(origins)
    assert naive["mae"] == pytest.approx(errors.mean(), rel=1e-9)
    assert naive["rmse"] == pytest.approx(math.sqrt((errors**2).mean()), rel=1e-9)
    assert naive["mase"] == pytest.approx(errors.mean() / scale, rel=1e-9)
    assert [step["mae"] for step in naive["steps"]] == pytest.approx(errors.mean(0).tolist(), rel=1e-9)


def test_autoregression_is_as_by_hand_on_the_raw_values(run):
    """Scaling changes no linear forecast: fitted to the training part, rolled on from each origin."""
    y = torch.from_numpy(values())
    division = run.task.division
    part = y[: division.train]
    fit = least_squares(part, select_order(part, 24))
    errors = [(fit.forecast(y[:o], 3) - y[o : o + 3]).abs().mean() for o in range(division.validation, len(y) - 3 + 1)]
    assert run.evaluate()["baselines"]["ar"]["mae"] == pytest.approx(float(sum(errors) / len(errors)), rel=1e-6)
    assert run.evaluate()["baselines"]["ar"]["title"] == f"AR({fit.order})"


def test_the_network_is_measured_as_it_forecasts(run):
    """Cut the series at an origin and ask what comes next: the answer is the back-test's."""
    series, division, trained = run.task.series, run.task.division, run.task.trained
    tested = trained.back_test(series, division.part("test"), division.part("validation"), 1, 0)
    for place in (0, 5, len(tested.origins) - 1):
        origin = int(tested.origins[place])
        cut = dataclasses.replace(
            series,
            values=series.values[:origin],
            stamps=series.stamps[:origin],
            covariates=series.covariates[:origin],
        )
        outlook = trained.outlook(cut)
        for name in TESTED:
            torch.testing.assert_close(
                outlook.forecasts[name].point, tested.forecasts[name].point[place], rtol=1e-6, atol=1e-5
            )
    errors = tested.forecasts["network"].point - tested.actual
    assert run.evaluate()["mae"] == pytest.approx(float(errors.abs().mean()), rel=1e-9)


def test_intervals_are_made_of_errors_known_at_the_origin(run):
    """Whatever comes from a step on, the bounds of forecasts whose errors came before stay as they are."""
    series, division, trained = run.task.series, run.task.division, run.task.trained
    known = division.validation + 12
    disturbed = series.values.clone()
    disturbed[known:] += 1000
    parts = division.part("test"), division.part("validation")
    one = trained.back_test(series, *parts, 1, 0)
    two = trained.back_test(dataclasses.replace(series, values=disturbed), *parts, 1, 0)
    before = int((one.origins <= known).sum())
    assert before > 10
    for name in TESTED:
        for part in ("point", "lower", "upper"):
            a, b = (getattr(tested.forecasts[name], part)[:before] for tested in (one, two))
            torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert not torch.equal(one.forecasts["ar"].upper[-1], two.forecasts["ar"].upper[-1])


def test_description_and_baselines_are_complete(run):
    metrics = run.evaluate()
    text = run.task.describe(metrics)
    assert set(metrics["baselines"]) == {"seasonal-naive", "ar", "arx"}
    for one in (metrics, *metrics["baselines"].values()):
        assert 0 <= one["coverage"] <= 1
        assert one["rmse"] >= one["mae"] > 0
        assert len(one["steps"]) == 3
    for name in ("network", "seasonal naive (12)", "AR(", "ARX("):
        assert name in text
    scores = {"network": metrics["mase"], **{key: one["mase"] for key, one in metrics["baselines"].items()}}
    assert metrics["best"] == min(scores, key=scores.__getitem__)
    page = run.report().read_text()
    assert "What comes next" in page
    assert "seasonal naive (12)" in page


# ------------------------------------------------------------------------------------------------------------ leakage


def test_what_comes_after_training_changes_no_weight(tmp_path):
    """The test part is not seen before it is measured on: other values there, the same network to the last bit."""
    y = values()
    other = y.copy()
    other[-20:] = 1e4
    runs = []
    for name, series in (("one", y), ("two", other)):
        (tmp_path / name).mkdir()
        runs.append(train(task(write(tmp_path / name, series)), out=tmp_path / name / "run", report=False))
    one, two = runs
    assert one.folder.weights.read_bytes() == two.folder.weights.read_bytes()
    assert one.task.trained.frame.config() == two.task.trained.frame.config()
    assert one.task.trained.baselines.config() == two.task.trained.baselines.config()
    assert one.evaluate("validation") == two.evaluate("validation")
    assert one.evaluate("test") != two.evaluate("test")


# ---------------------------------------------------------------------------------------------------------- forecasts


def test_a_loaded_run_forecasts_without_its_data(run, tmp_path):
    (tmp_path / "moved").mkdir()
    before = run.task.forecast(run.session)
    loaded = load(run.folder.path, "data.path=/nowhere.csv")
    after = loaded.task.forecast(loaded.session)
    assert after.stamps == before.stamps == ["2014-05-01", "2014-06-01", "2014-07-01"]
    for name in TESTED:
        assert torch.equal(after.forecasts[name].point, before.forecasts[name].point)
        assert torch.equal(after.forecasts[name].upper, before.forecasts[name].upper)
    with pytest.raises(InputError, match="nowhere"):
        loaded.evaluate()


def test_the_same_series_from_a_file_gives_the_same(run, tmp_path):
    y = values()
    expected = run.task.forecast(run.session)
    whole = run.task.forecast(run.session, data=write(tmp_path, y))
    # the end alone: the season is counted from dates, not from rows
    end = run.task.forecast(run.session, data=write(tmp_path, y[100:], "end.csv", first=100))
    as_bytes = run.task.forecast(run.session, data=pathlib.Path(tmp_path / "end.csv").read_bytes())
    for outlook in (whole, end, as_bytes):
        for name in TESTED:
            torch.testing.assert_close(outlook.forecasts[name].point, expected.forecasts[name].point)
    (answer,) = run.predict(str(tmp_path / "end.csv"))
    assert [row["value"] for row in answer["forecast"]] == pytest.approx(
        expected.forecasts["network"].point.flatten().tolist(), rel=1e-6
    )
    assert answer["after"] == "2014-04-01"


def test_beyond_the_horizon_there_are_points_without_intervals(run):
    short, long = run.task.forecast(run.session), run.task.forecast(run.session, horizon=7)
    assert (len(long.stamps), long.calibrated) == (7, 3)
    for name in TESTED:
        one, two = short.forecasts[name], long.forecasts[name]
        torch.testing.assert_close(two.point[:3], one.point)
        assert two.point.isfinite().all()
        assert two.lower[:3].isfinite().all()
        assert two.lower[3:].isnan().all()
    rows = run.task.answer(long)["forecast"]
    assert [row["lower"] is None for row in rows] == [False] * 3 + [True] * 4
    json.dumps(rows, allow_nan=False)
    # the second block starts from the first one's medians
    tail = run.task.trained.tail
    longer = Series(
        torch.cat([tail.values, short.forecasts["network"].point]),
        tail.names,
        [*tail.stamps, *short.stamps],
        tail.frequency,
    )
    again = run.task.trained.outlook(longer)
    torch.testing.assert_close(again.forecasts["network"].point, long.forecasts["network"].point[3:6])


def test_several_series_and_covariates_known_ahead(tmp_path):
    """A covariate that says all about each step: ARX uses it ahead, and where it is not known there is no forecast."""
    random = numpy.random.default_rng(0)
    x = random.integers(0, 2, 203)
    a, b = 5.0 * x[:200] + random.normal(size=200) * 0.1, -3.0 * x[:200]
    dates = [f"{(numpy.datetime64('2024-01-01') + numpy.timedelta64(t, 'D'))}" for t in range(203)]
    rows = [f"{d},{p:.4f},{q:.1f},{c}" for d, p, q, c in zip(dates, a, b, x)]
    future = [f"{d},,,{c}" for d, c in zip(dates[200:], x[200:])]
    path = tmp_path / "two.csv"
    path.write_text("day,a,b,open\n" + "\n".join(rows + future) + "\n")
    data = CsvSeries(path=str(path), covariates=["open"])
    for strategy in ("direct", "encoder-decoder"):
        model = SMALL | {"strategy": strategy}
        settings = {"model": model, "window": 8, "horizon": 3, "calendar": ["week"], "training": Training(epochs=2)}
        run = train(Forecasting(data=data, **settings), out=tmp_path / strategy, report=False)
        assert run.evaluate()["baselines"]["arx"]["mae"] < 0.1 * run.evaluate()["baselines"]["seasonal-naive"]["mae"]
        outlook = load(tmp_path / strategy).task.forecast(run.session)
        assert outlook.forecasts["arx"].point[:, 1].tolist() == pytest.approx((-3.0 * x[200:]).tolist(), abs=0.3)
        assert len(run.task.answer(outlook)["forecast"]) == 6
    with pytest.raises(DataError, match="needs open for 6 steps ahead, and 3 are known"):
        run.task.forecast(run.session, horizon=5)


def test_covariates_that_end_with_the_series_give_a_back_test_alone(tmp_path):
    path = tmp_path / "open.csv"
    rows = [f"{value:.3f},{step % 3}" for step, value in enumerate(values())]
    path.write_text("\n".join(["sales,open", *rows]) + "\n")
    told = io.StringIO()
    settings = {"model": SMALL, "window": 12, "horizon": 3, "season": 12, "training": Training(epochs=1)}
    own = Forecasting(data=CsvSeries(path=str(path), covariates=["open"]), **settings)
    run = train(own, out=tmp_path / "run", console=Console(stderr=told), report=False)
    lack = "the forecast needs open for 3 steps ahead, and 0 are known"
    assert f"{lack}: there will be a back-test alone; add rows" in told.getvalue()
    assert lack in run.report().read_text()
    assert run.evaluate()["count"] > 0
    with pytest.raises(DataError, match=lack):
        run.task.forecast(run.session)


def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    path = write(tmp_path, values())
    whole = train(task(path, training=Training(epochs=4)), out=tmp_path / "whole", seed=5, report=False)
    original = WindowBatches.epoch

    def interrupted(self, epoch, start=0):
        if epoch == 2 and self.shuffle:
            raise KeyboardInterrupt
        return original(self, epoch, start)

    monkeypatch.setattr(WindowBatches, "epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(task(path, training=Training(epochs=4)), out=tmp_path / "cut", seed=5)
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"config\.json"):
        load(tmp_path / "cut")
    again = resume(tmp_path / "cut")
    assert again.folder.weights.read_bytes() == whole.folder.weights.read_bytes()
    assert again.evaluate() == whole.evaluate()


# ---------------------------------------------------------------------------------------------------------- bad input


def test_a_constant_series_has_no_mase_and_says_so(tmp_path):
    said: list[str] = []
    console = Console(quiet=True)
    console.warn = said.append
    run = train(task(write(tmp_path, [7.0] * 120)), out=tmp_path / "run", console=console)
    metrics = run.evaluate()
    assert metrics["mase"] is None
    assert metrics["baselines"]["ar"]["mae"] == pytest.approx(0, abs=1e-9)
    assert "MASE is not defined" in run.task.describe(metrics)
    assert any("MASE is not defined" in line for line in said)
    json.dumps(metrics, allow_nan=False)


@pytest.mark.parametrize(
    ("count", "settings", "what"),
    [
        (20, {}, "the training part has 14 of 20 steps, and 15 are needed"),
        (60, {"horizon": 10}, "the validation part has 9 of 60 steps, and 10 are needed"),
        (120, {"season": 100}, "less than two of a season of 100"),
        (120, {"window": 200}, "set a smaller window"),
        (120, {"model": SMALL | {"highway": 20}}, "shorter than the highway of 20"),
    ],
)
def test_too_short(tmp_path, count, settings, what):
    with pytest.raises(InputError) as caught:
        train(task(write(tmp_path, values(count)), **settings), out=tmp_path / "run")
    assert what in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_too_few_errors_give_no_interval_and_a_warning(tmp_path):
    said: list[str] = []
    console = Console(quiet=True)
    console.warn = said.append
    path = write(tmp_path, values(70))
    run = train(task(path, coverage=0.95), out=tmp_path / "run", console=console, report=False)
    assert any("too few for intervals of 95%" in line for line in said)
    assert run.evaluate()["width"] is None
    assert run.task.answer(run.task.forecast(run.session))["forecast"][0]["upper"] is None


def test_data_that_do_not_fit_the_task(tmp_path):
    negative = write(tmp_path, [-1.0, 2.0] * 60)
    with pytest.raises(DataError, match="logarithm"):
        train(task(negative, logarithm=True), out=tmp_path / "run")
    plain = tmp_path / "plain.csv"
    plain.write_text("v\n" + "\n".join(str(v) for v in values()) + "\n")
    with pytest.raises(DataError, match="numbers, not dates"):
        train(task(str(plain), calendar=["year"]), out=tmp_path / "run")


def test_other_series_are_refused(run, tmp_path):
    for content, what in (
        ("month,cost\n2001-01,1\n2001-02,2\n", "no column 'sales'"),
        ("day,sales\n" + "".join(f"2001-01-{d:02},{d}\n" for d in range(1, 31)), "one day apart"),
        ("month,sales\n2001-01,1\n2001-02,2\n", "look back"),
        ("month,sales\n2001-01,1\n2001-02,one\n", "line 3: 'one'"),
    ):
        (tmp_path / "other.csv").write_text(content)
        with pytest.raises(DataError, match=what) as caught:
            run.task.forecast(run.session, data=tmp_path / "other.csv")
        assert caught.value.hint


def test_settings_that_contradict_are_refused():
    for settings, path in (
        ({"model": "lenet5"}, ("model",)),
        ({"model": {"name": "forecaster", "horizon": 3}}, ("model", "horizon")),
        ({"model": {"name": "forecaster", "quantiles": [0.5]}}, ("model", "quantiles")),
        ({"validation": 0.5, "test": 0.5}, ("test",)),
        ({"coverage": 1.0}, ("coverage",)),
        ({"training": {"monitor": "accuracy"}}, ("training", "monitor")),
    ):
        with pytest.raises(ArgumentError) as caught:
            Forecasting(**settings)
        assert caught.value.path == path
        assert caught.value.hint
    with pytest.raises(RecipeError, match=r"model\.horizon"):
        train("forecast", "model.horizon=3")


class Divided(SeriesReader):
    """A generated series with parts of its own."""

    def read(self) -> Series:
        return dataclasses.replace(Seasonal(months=200).read(), parts=(100, 150))


def test_a_division_of_the_data_is_used_and_not_overruled():
    assert Forecasting(data=Divided(), window=12, horizon=3).division == (100, 150, 200)
    with pytest.raises(DataError, match="division of their own"):
        Forecasting(data=Divided(), window=12, horizon=3, test=0.1).division  # noqa: B018


# ------------------------------------------------------------------------------------------------------------- figures


@pytest.mark.slow
@pytest.mark.parametrize("method", ["conformal", "bootstrap", "quantiles", "conformal-quantiles"])
def test_intervals_hold_what_they_promise_on_a_series_that_stays_the_same(method, tmp_path):
    settings = ("data.months=1200", "window=24", "horizon=3", "training.epochs=8", f"interval={method}", "coverage=0.8")
    metrics = train("forecast", *settings, out=tmp_path / "run", report=False).evaluate()
    for one in (metrics, *metrics["baselines"].values()):
        assert one["coverage"] == pytest.approx(0.8, abs=0.1 if method == "quantiles" else 0.06)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "settings"),
    [("sunspots", ()), ("airline", ()), ("temperatures", ()), ("etth1", ("data.columns=[OT]", "training.epochs=2"))],
)
def test_published_series(recipe, settings, data_folder, tmp_path):
    """Network and AR have a MASE below 1, and intervals hold within five points of 90 %: of a whole recipe."""
    path = f"data.path={data_folder / 'time-series'}"
    metrics = train(recipe, path, *settings, out=tmp_path / "run", report=False).evaluate()
    assert metrics["baselines"]["ar"]["mase"] < 1
    assert metrics["baselines"]["ar"]["coverage"] == pytest.approx(0.9, abs=0.05)
    assert settings or metrics["mase"] < 1
    assert metrics["coverage"] == pytest.approx(0.9, abs=0.1 if settings else 0.05)
