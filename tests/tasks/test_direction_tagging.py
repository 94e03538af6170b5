"""Up or down: nothing after a step is seen, baselines by hand, and no skill where there is none to have."""

from __future__ import annotations

import math

import numpy
import pytest
import torch

from gatefield import load, train
from gatefield.core.errors import ArgumentError, DataError
from gatefield.data.readers.csv_series import CsvSeries
from gatefield.data.readers.random_walk import RandomWalk
from gatefield.functional.autoregression import least_squares, select_order
from gatefield.tasks.direction_tagging import DirectionTagging
from gatefield.tasks.run import Run
from gatefield.training.settings import Training

GRU = {"name": "recurrent", "cell": "gru", "hidden": [8]}
SMALL = {"name": "sequence-predictor", "encoder": GRU, "output": "softmax"}
ADAM = {"name": "adam", "learning_rate": 0.01}


def task(data, **settings) -> DirectionTagging:
    given = {"model": SMALL, "training": Training(epochs=6, batch_size=4, optimizer=ADAM)} | settings  # type: ignore[arg-type]
    return DirectionTagging(data, **given)


def write(path, prices) -> str:
    rows = [f"2001-01-{1 + t:02}" if t < 31 else f"2001-02-{t - 30:02}" for t in range(len(prices))]
    path.write_text("day,price\n" + "".join(f"{day},{price!r}\n" for day, price in zip(rows, prices)))
    return str(path)


@pytest.fixture(scope="module")
def walked(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("walk")
    return train(task(RandomWalk(days=1500, momentum=0.7)), out=folder / "run", seed=1, report=False)


def test_tags_are_what_comes_next_and_inputs_what_was():
    own = task(CsvSeries("nowhere.csv"))
    own.data = RandomWalk(days=60)
    p = own.data.read().values[:, 0].numpy()
    parts = own.parts
    items = [*parts.train, *(parts.validation or ()), *(parts.test or ())]
    steps = [step for item in items for step in item.steps]
    assert steps == list(range(1, 59))
    changes, rises = torch.cat([item.changes[:, 0] for item in items]), torch.cat([item.rises for item in items])
    for row, step in enumerate(steps):
        assert float(changes[row]) == pytest.approx(math.log(p[step] / p[step - 1]))
        assert bool(rises[row]) == (p[step + 1] > p[step])
    assert [sum(map(len, (item.steps for item in part or ()))) for part in (parts.train, parts.test)] == [41, 9]


def test_the_network_does_not_see_what_comes_next(walked):
    items = walked.task.parts.test
    chances = walked.task.chances(items, walked.session)
    disturbed = [items[0]._replace(changes=items[0].changes.clone())]
    disturbed[0].changes[30:] += 1
    other = walked.task.chances(disturbed, walked.session)
    torch.testing.assert_close(chances[:30], other[:30], rtol=0, atol=1e-6)
    assert (chances[30:50] - other[30:50]).abs().max() > 0.01


def test_baselines_by_hand(walked):
    p = walked.task.data.read().values[:, 0].log()
    r, (train_end, test_start) = p.diff(), (round(1498 * 0.7), round(1498 * 0.85))
    rises, beside = (r[test_start + 1 :] > 0), walked.evaluate()["baselines"]
    assert walked.evaluate()["count"] == len(rises)
    again = ((r[test_start:-1] > 0) == rises).double().mean()
    assert beside["last change again"]["accuracy"] == pytest.approx(float(again))
    share = (float((r[1 : train_end + 1] > 0).sum()) + 1) / (train_end + 2)
    usual = rises if share > 0.5 else ~rises
    assert beside["commonest tag"]["accuracy"] == pytest.approx(float(usual.double().mean()))
    loss = -(rises * math.log(share) + ~rises * math.log(1 - share)).double().mean()
    assert beside["commonest tag"]["loss"] == pytest.approx(float(loss))
    own = r[:train_end]
    model = least_squares(own, select_order(own, 20))
    said = torch.stack([model.forecast(r[:end], 1)[0] for end in range(test_start + 1, len(r))]) > 0
    assert beside[f"AR({model.order})"]["accuracy"] == pytest.approx(float((said == rises).double().mean()))


def test_momentum_is_found(walked):
    """The best there is is right 1/2 + arcsin(0.7) / pi = 75 % of the time; four deviations of luck below that."""
    metrics = walked.evaluate()
    best = walked.task.data.best
    assert best == pytest.approx(0.7468, abs=1e-4)
    luck = 4 * math.sqrt(best * (1 - best) / metrics["count"])
    assert best - luck < metrics["accuracy"] < best + luck
    assert metrics["coin"][1] < metrics["accuracy"]
    assert metrics["loss"] < math.log(2)
    text = walked.task.describe(metrics)
    for word in ("a coin", "commonest tag", "last change again", "AR("):
        assert word in text


def test_the_best_chance_is_what_a_long_walk_shows():
    for momentum in (0.0, 0.4, -0.6):
        walk = RandomWalk(days=40_000, momentum=momentum)
        r = walk.read().values[:, 0].log().diff()
        goes_on = ((r[1:] > 0) == (r[:-1] > 0)).double().mean().item()
        assert max(goes_on, 1 - goes_on) == pytest.approx(walk.best, abs=0.015)
        assert r.std().item() == pytest.approx(0.01 / math.sqrt(1 - momentum**2), rel=0.03)


def test_predict_reads_a_file(walked, tmp_path):
    prices = [100 * 1.01**t for t in range(40)]
    (answer,) = walked.predict([write(tmp_path / "up.csv", prices)], top=2)
    assert answer["label"] == "up"
    assert answer["after"] == "2001-02-09"
    assert sum(row["probability"] for row in answer["top"]) == pytest.approx(1)
    down = (tmp_path / "up.csv").read_bytes().replace(b"price", b"price")
    falling = "day,price\n" + "".join(f"2001-01-{t + 1:02},{100 - t}\n" for t in range(20))
    answers = list(load(walked.folder.path).predict([down, falling.encode()]))
    assert [row["label"] for row in answers] == ["up", "not up"]
    for prices, message in (([1.0], "1 step"), ([1.0, 0.0, 2.0], "'price' is 0 at 2001-01-02")):
        with pytest.raises(DataError, match=message) as caught:
            next(walked.predict([write(tmp_path / "bad.csv", prices)]))
        assert caught.value.hint


def test_differences_take_any_numbers(tmp_path):
    values = numpy.sin(numpy.arange(59.0)).tolist()
    own = task(CsvSeries(write(tmp_path / "wave.csv", values)), logarithm=False, length=8)
    run = train(own, out=tmp_path / "run")
    assert run.evaluate()["baselines"]["last change again"]["accuracy"] > 0.5
    with pytest.raises(DataError, match="no logarithm") as caught:
        train(task(CsvSeries(write(tmp_path / "wave.csv", values))), out=tmp_path / "other")
    assert "logarithm=false" in caught.value.hint


def test_a_constant_series_never_rises(tmp_path):
    run = train(task(CsvSeries(write(tmp_path / "flat.csv", [5.0] * 59))), out=tmp_path / "run")
    metrics = run.evaluate()
    assert {row["accuracy"] for row in (metrics, *metrics["baselines"].values())} == {1.0}


def test_refuses_what_does_not_fit(tmp_path):
    walk = RandomWalk(days=40)
    for model, message in (
        ({**SMALL, "output": "frames"}, "does not tag"),
        ({"name": "tcn"}, "'tcn'"),
        ({**SMALL, "encoder": "bidirectional"}, "looks ahead"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            train(task(walk, model=model), out=tmp_path / "run")
        assert caught.value.hint
    with pytest.raises(ArgumentError, match="leave nothing"):
        task(walk, validation=0.5, test=0.5)
    with pytest.raises(DataError, match="too few"):
        train(task(RandomWalk(days=4)), out=tmp_path / "run")
