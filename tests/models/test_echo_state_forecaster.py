"""Forecasts by echo states: against ridge regression by hand, a closed loop by hand, and the task of forecasting."""

from __future__ import annotations

import numpy
import pytest
import torch
from sklearn.linear_model import Ridge

from gatefield import load, train
from gatefield.core.errors import ArgumentError, InputError
from gatefield.data.readers.csv_series import CsvSeries
from gatefield.data.synthetic.mackey_glass import mackey_glass
from gatefield.models.sequence.echo_state_forecaster import BETAS, EchoStateForecaster
from gatefield.tasks.forecasting import Forecasting
from gatefield.training.settings import Training

SMALL = {"series": 2, "horizon": 3, "covariates": 1, "quantiles": [0.5], "units": 12, "degree": 4, "beta": 0.1}


def build(**arguments) -> EchoStateForecaster:
    torch.manual_seed(0)
    return EchoStateForecaster(**{**SMALL, **arguments})


def batch(rows: int = 40, time: int = 6, seed: int = 1):
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, time, 3, generator=source, dtype=torch.float64)
    future = torch.randn(rows, 3, 1, generator=source, dtype=torch.float64)
    targets = torch.randn(rows, 3, 2, generator=source, dtype=torch.float64)
    return x, future, targets


def states(model, x: torch.Tensor) -> numpy.ndarray:
    """The state after the last step, by the paper's equations, one row and step at a time."""
    (cell,) = model.reservoirs.cells
    W, W_in, b, a = cell.recurrent().numpy(), cell.W.numpy(), cell.b.numpy(), cell.leak
    ends = []
    for row in x.numpy():
        state = numpy.zeros(len(b))
        for u in row:
            state = (1 - a) * state + a * numpy.tanh(W_in @ u + b + W @ state)
        ends.append(state)
    return numpy.stack(ends)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_the_read_out_is_ridge_regression_of_where_windows_end(strategy):
    """A recursive read-out sees windows that end one step later each time, on the true values."""
    model, (x, future, targets) = build(strategy=strategy), batch()
    parts = [slice(0, 15), slice(15, 40)]
    assert model.fit([((x[p], None, future[p]), targets[p]) for p in parts]) == 0.1
    ones = numpy.ones((40, 1))
    if strategy == "direct":
        seen, wanted = numpy.concatenate([ones, x[:, -1], states(model, x), future.flatten(1)], 1), targets.flatten(1)
    else:
        whole = torch.cat([x, torch.cat([targets, future], 2)], 1)
        seen = numpy.concatenate(
            [
                numpy.concatenate([ones, whole[:, end - 1], states(model, whole[:, :end]), future[:, end - 6]], 1)
                for end in (6, 7, 8)
            ]
        )
        wanted = torch.cat(list(targets.unbind(1)))
    oracle = Ridge(0.1, fit_intercept=False).fit(seen, wanted)
    weights = torch.cat([model.read_out.bias[:, None], model.read_out.weight], 1).detach().numpy()
    assert numpy.abs(weights - oracle.coef_).max() < 1e-9
    with torch.no_grad():
        first = model(x, None, future)[:, 0, :, 0]
    assert numpy.abs(first.numpy() - oracle.predict(seen[:40])[:, :2]).max() < 1e-9


def test_recursion_is_the_one_step_forecast_again_and_again():
    model, (x, future, targets) = build(strategy="recursive"), batch()
    model.fit([((x, None, future), targets)])
    one = build(strategy="recursive", horizon=1)
    one.load_state_dict(model.state_dict())
    found = model(x, None, future)
    for h in range(3):
        alone = one(x, None, future[:, h : h + 1])
        torch.testing.assert_close(found[:, h], alone[:, 0])
        x = torch.cat([x, torch.cat([alone[:, :, :, 0], future[:, h : h + 1]], 2)], 1)


def test_beta_is_the_one_of_the_smallest_error_on_held_out_windows():
    """Little data, much noise, many units: neither the smallest nor the largest."""
    source = torch.Generator().manual_seed(0)
    wave = torch.sin(torch.arange(120.0) / 2) + 0.5 * torch.randn(120, generator=source)
    windows = wave.double().unfold(0, 14, 1)
    x, targets = windows[:, :12, None], windows[:, 12:, None]
    errors = {}
    for beta in BETAS:
        model = build(series=1, covariates=0, horizon=2, units=60, beta=beta)
        model.fit([((x[:60],), targets[:60])])
        with torch.no_grad():
            errors[beta] = float((model(x[75:])[..., 0] - targets[75:]).abs().sum())
    model = build(series=1, covariates=0, horizon=2, units=60, beta=None)
    chosen = model.fit([((x[:60],), targets[:60])], [((x[75:],), targets[75:])])
    assert chosen == min(errors, key=errors.__getitem__)
    assert BETAS[0] < chosen < BETAS[-1]


def test_it_continues_a_chaotic_series():
    """Mackey-Glass: 84 steps ahead in closed loop, the measure of Jaeger and Haas (2004)."""
    series = mackey_glass(2600) - 1
    torch.manual_seed(0)
    model = EchoStateForecaster(1, 84, 0, [0.5], units=200, strategy="recursive", spectral_radius=1.25, beta=1e-8)
    windows = series.unfold(0, 184, 1)
    x, targets = windows[:, :100, None], windows[:, 100:, None]
    model.fit([((x[:1500:20],), targets[:1500:20])])
    with torch.no_grad():
        wrong = (model(x[1700::20])[:, -1, 0, 0] - targets[1700::20, -1, 0]).square().mean() / series.var()
    assert wrong.sqrt() < 0.1


def test_inputs_that_do_not_fit_are_refused():
    model, (x, future, targets) = build(), batch()
    windows = ((x, None, future), targets)
    for call in (
        lambda: model(x),
        lambda: model(x, None, future[:, :2]),
        lambda: model(x[:, :, :2], None, future),
        lambda: model(x.long(), None, future),
        lambda: model.fit([]),
        lambda: model.fit([((x, None, future), targets[:5])]),
        lambda: model.fit([((x * torch.nan, None, future), targets)]),
        lambda: build(beta=None).fit([windows]),
        lambda: build(beta=0.0).fit([((x[:0], None, future[:0]), targets[:0])]),
        lambda: build(beta=0.0).fit([((0 * x, None, future), targets)]),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.hint
    for arguments, path in (({"quantiles": [0.1, 0.5, 0.9]}, "quantiles"), ({"units": []}, "units")):
        with pytest.raises(ArgumentError) as refused:
            build(**arguments)
        assert refused.value.path == (path,)


# --------------------------------------------------------------------------------------------------------- as a task


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("echo")
    model = {"name": "echo-state-forecaster", "units": 30}
    task = Forecasting(CsvSeries.sample(folder), model, window=12, horizon=3)  # type: ignore[arg-type]
    return train(task, out=folder / "run", seed=2, report=False)


def test_it_is_forecast_with_intervals_beside_baselines(run):
    metrics = run.evaluate()
    assert set(metrics["baselines"]) == {"seasonal-naive", "ar", "arx"}
    assert metrics["mase"] < 1
    assert 0.6 < metrics["coverage"] <= 1
    loaded = load(run.folder.path)
    assert loaded.evaluate() == metrics
    outlook = loaded.task.forecast(loaded.session)
    assert outlook.calibrated == 3
    (record,) = run.folder.read_metrics()
    assert record["beta"] in BETAS
    assert record["validation_loss"] > 0
    page = run.report().read_text()
    assert "What comes next" in page
    assert f"beta = {record['beta']:g}" in page


def test_the_recorded_losses_are_those_of_the_task(run):
    """Half the mean absolute error of scaled values, as for every network with the median alone."""
    task = run.task
    tested = task.trained._test(task.trained.frame.table(task.series), *task.division.part("validation"), 1)
    wrong = (tested.forecasts["network"].point - tested.actual).abs().mean()
    (record,) = run.folder.read_metrics()
    assert record["validation_loss"] == pytest.approx(float(wrong) / 2, rel=1e-4)


def test_settings_of_training_mean_nothing_to_it(tmp_path):
    data = CsvSeries.sample(tmp_path)
    for settings, key in (
        ({"epochs": 3}, "epochs"),
        ({"optimizer": {"name": "sgd"}}, "optimizer"),
        ({"clip_norm": 1.0}, "clip_norm"),
    ):
        with pytest.raises(ArgumentError, match=f"'{key}' means nothing") as caught:
            Forecasting(data, {"name": "echo-state-forecaster"}, training=Training(**settings))  # type: ignore[arg-type]
        assert caught.value.path == ("training", key)
    task = Forecasting(data, {"name": "echo-state-forecaster"}, window=12, horizon=3, interval="quantiles")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="least squares"):
        train(task, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
