"""Attacks on forecasts, directions, rolls, films and memories: against what each task measures itself, and by hand."""

from __future__ import annotations

import datetime

import numpy
import pytest
import torch
from command_line import gatefield, refused, trained_sample

from gatefield import train
from gatefield.core.errors import DataError, InputError
from gatefield.data.film import read_film
from gatefield.data.readers.csv_series import CsvSeries
from gatefield.data.windows import Window, inputs_of, relative
from gatefield.explain.attacks.answer_victim import AnswerVictim
from gatefield.explain.attacks.fgsm import FGSM
from gatefield.explain.attacks.pgd import PGD
from gatefield.tasks.attacked.memory import Addends, Memories
from gatefield.tasks.attacking import attack, attackable
from gatefield.tasks.attacking_page import describe, page
from gatefield.tasks.direction_tagging import DirectionTagging
from gatefield.tasks.forecasting import Forecasting
from gatefield.tasks.frame_prediction import FramePrediction
from gatefield.tasks.memory_problems import MEASURED, MemoryProblem
from gatefield.tasks.video_prediction import VideoPrediction

NUMBERS = [Forecasting, DirectionTagging, FramePrediction, VideoPrediction, MemoryProblem]
PROBLEMS = ["copy", "temporal-order"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The trained sample of each task, by its class, and a problem of symbols by its name; made when asked for."""
    made = {}

    def run_of(task):
        if task not in made:
            made[task] = _memory(tmp_path_factory, task) if task in PROBLEMS else trained_sample(tmp_path_factory, task)
        return made[task]

    return run_of


def _memory(factory, problem):
    small = {"name": "recurrent", "hidden": [8]}
    task = MemoryProblem.from_config(
        {
            "name": "memory-problem",
            "problem": problem,
            "length": 10,
            "samples": 256,
            "encoder": small,
            "training": {"epochs": 2},
        }
    )
    return train(task, out=factory.mktemp(problem) / "run", report=False)


# ------------------------------------------------------------------------------------------- against the task's measure


def test_without_a_change_errors_are_those_that_tasks_measure(runs):
    metrics = runs(Forecasting).evaluate()
    offered = attackable(runs(Forecasting).task, [], 10_000)
    errors = offered.measured([part.raw for part in offered.parts])
    std = runs(Forecasting).task.trained.frame.scaling.arguments["std"]
    assert len(std) == 1
    assert float(errors.mean()) * std[0] == pytest.approx(metrics["mae"], rel=1e-5)

    offered = attackable(runs(DirectionTagging).task, [], 10_000)
    errors, steps = offered.measured([part.raw for part in offered.parts]), [len(each) for each in offered.rises]
    wrong = float((errors * torch.tensor(steps)).sum()) / sum(steps)
    assert 1 - wrong == pytest.approx(runs(DirectionTagging).evaluate()["accuracy"])

    task = runs(FramePrediction).task
    offered = attackable(task, [], 10_000)
    errors = offered.measured([part.raw for part in offered.parts])
    frames = torch.tensor([max(len(item.notes) - 1, 0) for item in task.part(None)[1]])
    assert float((errors * frames).sum() / frames.sum()) == pytest.approx(
        task.evaluate(runs(FramePrediction).session)["loss"]
    )

    metrics = runs(VideoPrediction).evaluate()
    offered = attackable(runs(VideoPrediction).task, [], 10_000)
    errors = offered.measured([part.raw for part in offered.parts])
    assert float(errors.mean()) == pytest.approx(metrics["loss"], rel=1e-5)
    assert offered.least == pytest.approx(metrics["least"], rel=1e-5)

    offered = attackable(runs(MemoryProblem).task, [], MEASURED)
    squares = offered.measured([part.raw for part in offered.parts]).square()
    assert float(squares.mean()) == pytest.approx(runs(MemoryProblem).evaluate()["mean_squared_error"], rel=1e-4)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_so_are_those_of_symbols(runs, problem):
    attacked = attack(runs(problem), method={"name": "hot-flip", "replacements": 0}, count=MEASURED)
    assert 1 - attacked.to_dict()["error"] == pytest.approx(runs(problem).evaluate()["accuracy"])


# ---------------------------------------------------------------------------------------------- what all have in common


@pytest.mark.parametrize("task", NUMBERS)
def test_without_a_budget_nothing_changes(runs, task):
    methods = [{"name": "fgsm", "epsilon": 0.0}, {"name": "pgd", "epsilon": 0.0}]
    methods += [{"name": "flip", "flips": 0}] * (task in (FramePrediction, VideoPrediction))
    for method in methods:
        attacked = attack(runs(task), method=method, count=20)
        assert all(torch.equal(new, old.float()) for new, old in zip(attacked.changed, attacked.raw))
        assert all(torch.equal(new, old.float()) for new, old in zip(attacked.noisy, attacked.raw))
        assert torch.equal(attacked.errors, attacked.errors_after)
        assert torch.equal(attacked.errors, attacked.errors_of_noise)
        assert attacked.curve.attacked[0] == attacked.errors.mean()
        assert attacked.to_dict()["largest_change"] == 0


@pytest.mark.parametrize("task", NUMBERS)
def test_the_gradient_goes_through_everything(runs, task):
    """Against a difference quotient of the losses along the gradient itself."""
    offered = attackable(runs(task).task, [], 20)
    scale = {VideoPrediction: 20.0}.get(task, 0.02)
    for part in offered.parts:
        numbers, raw = torch.arange(len(part.raw)), part.raw.float()
        assert isinstance(part.victim, AnswerVictim)
        slope = part.victim.loss_gradient(raw, numbers)
        assert torch.equal(part.victim.inside(slope), slope)
        lengths = slope.flatten(1).norm(dim=1).view(-1, *[1] * (raw.dim() - 1))
        assert (lengths > 0).all()
        step = scale * slope / lengths
        ahead, behind = (part.victim.losses(raw + sign * step, numbers) for sign in (1, -1))
        found = (ahead - behind) / (2 * scale)
        torch.testing.assert_close(found.median(), lengths.flatten().median(), rtol=0.05, atol=1e-6)
        assert float(found.sum()) == pytest.approx(float(lengths.sum()), rel=0.1)


@pytest.mark.parametrize(("task", "epsilon"), list(zip(NUMBERS, (0.05, 0.05, 0.05, 4.0, 0.05))))
def test_what_rises_is_the_loss_and_more_than_by_chance(runs, task, epsilon):
    offered = attackable(runs(task).task, [], 50)
    for method in (FGSM(epsilon), PGD(epsilon, steps=4)):
        attacked = offered.attacked(method, None, 0, runs(task).session.console)
        for part in offered.parts:
            rows = torch.arange(len(part.raw))
            of = {
                name: float(part.victim.losses(_stacked(part, values), rows).mean())
                for name, values in {"raw": attacked.raw, "changed": attacked.changed, "noisy": attacked.noisy}.items()
            }
            assert of["changed"] > of["raw"]
            assert of["changed"] > of["noisy"]
        assert max(float(added.abs().max()) for added in attacked.added) <= epsilon * (1 + 1e-5)


def _stacked(part, values):
    """What ``values``, one for each input, put into the places of a part."""
    raw = torch.zeros(part.raw.shape)
    for row, index in enumerate(part.indices.tolist()):
        raw[row, : len(values[index])] = values[index]
    return raw


@pytest.mark.parametrize("task", [*NUMBERS, *PROBLEMS])
def test_pages_and_words(runs, task):
    attacked = attack(runs(task), count=2)
    made = page(runs(task), attacked).html()
    content = attacked.to_dict()
    assert f"{attacked.title()} against" in made
    assert f"{content['error_attacked']:.4g}</dd>" in made
    assert attacked.noise in describe(attacked)
    assert content["count"] == len(attacked.inputs.names) <= 2
    assert content["curve"][0][attacked.budget] == 0
    assert content["curve"][0]["error_attacked"] == content["error"]
    assert content["error_attacked"] in [point["error_attacked"] for point in content["curve"]]
    assert content["error_of_noise"] in [point["error_of_noise"] for point in content["curve"]]


# ------------------------------------------------------------------------------------------------------------ forecasts


@pytest.fixture(scope="module")
def covered(tmp_path_factory):
    """A forecaster of two series with a covariate and a calendar, quantiles and all."""
    folder = tmp_path_factory.mktemp("covered")
    generator = torch.Generator().manual_seed(0)
    rows = torch.cat([torch.randn(140, 2, generator=generator).cumsum(0), torch.randn(140, 1, generator=generator)], 1)
    days = [(datetime.date(2020, 1, 1) + datetime.timedelta(days=day)).isoformat() for day in range(140)]
    lines = [f"{day},{a:.4f},{b:.4f},{c:.4f}" for day, (a, b, c) in zip(days, rows.tolist())]
    path = folder / "series.csv"
    path.write_text("\n".join(["date,a,b,c", *lines]) + "\n")
    task = Forecasting.from_config(
        {
            "name": "forecasting",
            "data": {"name": "csv-series", "path": str(path), "columns": ["a", "b"], "covariates": ["c"]},
            "model": {"name": "forecaster", "encoder": {"name": "recurrent", "cell": "gru", "hidden": [6]}},
            "window": 12,
            "horizon": 3,
            "calendar": ["week"],
            "interval": "quantiles",
            "training": {"epochs": 3},
        }
    )
    return train(task, out=folder / "run", report=False), path


def test_covariates_and_calendar_stay_as_they_are(covered):
    run, _ = covered
    attacked = attack(run, epsilon=0.2)
    trained, task = run.task.trained, run.task
    table = trained.frame.table(task.series)
    middle = 1
    for index in (0, len(attacked.raw) - 1):
        first = attacked.inputs.origins[index].first
        assert attacked.inputs.names[index] == task.series.stamp(first)
        torch.testing.assert_close(attacked.raw[index], table.values[first - 12 : first].float())
        past = torch.cat([attacked.changed[index], table.covariates[first - 12 : first].float()], 1)[None]
        future = table.covariates[None, first : first + 3].float()
        window, base = relative(Window(past, future, torch.zeros(1, 3, 2)), 2, trained.level)
        with torch.no_grad():
            said = (trained.model(*inputs_of(window)) + base[..., None]).sort(3).values[0, ..., middle]
        torch.testing.assert_close(attacked.said_after[index], said)
        error = (said - table.values[first : first + 3]).abs().mean()
        assert float(attacked.errors_after[index]) == pytest.approx(float(error), rel=1e-5)
    assert (attacked.errors_after - attacked.errors).mean() > 0


def test_a_file_holds_what_came(covered, tmp_path):
    run, path = covered
    attacked = attack(run, [str(path)], epsilon=0.1)
    (row,) = attacked.to_dict()["inputs"]
    assert row["input"] == str(path)
    every = attack(run, epsilon=0.1)
    assert row["error"] == pytest.approx(float(every.errors[-1]))  # the last origin of the same series
    assert row["error_attacked"] == pytest.approx(float(every.errors_after[-1]), rel=1e-4)
    short = tmp_path / "short.csv"
    short.write_text("\n".join(path.read_text().splitlines()[:13]) + "\n")
    with pytest.raises(DataError, match="has 12 steps; 12 are seen, and 3 after them") as caught:
        attack(run, [str(short)])
    assert "at least 15" in caught.value.hint


# ----------------------------------------------------------------------------------------------------------- directions


def test_directions_of_a_file_are_those_whose_future_it_knows(runs, tmp_path):
    run = runs(DirectionTagging)
    series = run.task.data.read()
    path = tmp_path / "series.csv"
    steps = 20
    lines = [f"{series.stamp(step)},{','.join(map(repr, series.values[step].tolist()))}" for step in range(steps)]
    path.write_text("\n".join([f"date,{','.join(series.names)}", *lines]) + "\n")
    offered = attackable(run.task, [str(path)], 5)
    (rises,), (stamps,) = offered.rises, offered.stamps
    assert len(rises) == run.task.length == 10
    known = series.values[:steps, 0]
    assert rises.tolist() == (known[-10:] > known[-11:-1]).long().tolist()
    assert stamps[-1] == series.stamp(steps - 2)
    attacked = attack(run, [str(path)], epsilon=0.0)
    (answer,) = run.predict([str(path)])
    alone = attack(run, [str(path)], epsilon=0.3)
    assert len(alone.chances[0]) == 10
    assert attacked.to_dict()["inputs"][0]["error"] == alone.to_dict()["inputs"][0]["error"]
    assert answer["input"] == alone.inputs.names[0]
    path.write_text("\n".join([f"date,{','.join(series.names)}", *lines[:2]]) + "\n")
    with pytest.raises(DataError, match="has 2 steps") as caught:
        attack(run, [str(path)])
    assert "three" in caught.value.hint


# ---------------------------------------------------------------------------------------------------------------- rolls


def test_flips_are_of_keys_that_are_heard(runs):
    run = runs(FramePrediction)
    attacked = attack(run, method={"name": "flip", "flips": 3})
    pieces = run.task.part(None)[1]
    for piece, raw, changed, noisy in zip(pieces, attacked.raw, attacked.changed, attacked.noisy):
        assert torch.equal(raw, piece.notes[:-1])
        assert set(changed.unique().tolist()) <= {0, 1}
        assert 0 < (changed != raw).sum() <= 3
        assert (noisy != raw).sum() == (changed != raw).sum()
    outputs = run.task.outputs(
        [
            piece._replace(notes=torch.cat([new.byte(), piece.notes[-1:]]))
            for piece, new in zip(pieces, attacked.changed)
        ],
        run.session,
    )
    for piece, logits, error in zip(pieces, outputs, attacked.errors_after.tolist()):  # the truth stays as played
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, piece.notes[1:].float(), reduction="sum")
        assert float(loss) / (len(piece.notes) - 1) == pytest.approx(error, rel=1e-4)
    assert [point["flips"] for point in attacked.to_dict()["curve"]] == [0, 1, 2, 3, 6]
    assert attacked.title() == "flip, 3 flips,"


def test_pieces_of_ones_own(runs):
    run = runs(FramePrediction)
    attacked = attack(run, ["60 64 67, 59 62 67, 60"])
    (answer,) = run.predict(["60 64 67, 59 62 67, 60"])
    (row,) = attacked.to_dict()["inputs"]
    assert row["error"] == pytest.approx(answer["loss"], rel=1e-4)
    with pytest.raises(InputError, match="has 1 frame") as caught:
        attack(run, ["60 64"])
    assert "at least two" in caught.value.hint


# ---------------------------------------------------------------------------------------------------------------- films


def test_a_film_ends_with_what_came(runs, tmp_path):
    run = runs(VideoPrediction)
    first, second, *_ = run.task.part(None)[1]
    film = first._replace(frames=torch.cat([second.frames[:2], first.frames]))
    path = tmp_path / "film.npy"
    numpy.save(path, film.frames.numpy())
    attacked = attack(run, [str(path)], epsilon=6)
    assert torch.equal(attacked.raw[0], film.frames[2:5])  # 3 are seen, 2 came
    assert torch.equal(attacked.inputs.came[0], film.frames[5:7])
    assert float((attacked.changed[0] - film.frames[2:5]).abs().max()) <= 6
    assert attacked.changed[0].min() >= 0
    assert attacked.changed[0].max() <= 255
    before = run.task.forecast(film._replace(frames=film.frames[:5]))
    assert (attacked.said[0] * 255 - before).abs().max() < 0.51
    again = read_film(path, 1)
    assert torch.equal(again.frames, film.frames)
    numpy.save(tmp_path / "short.npy", film.frames[:4].numpy())
    with pytest.raises(DataError, match="4 frames, and a window 3"):
        attack(run, [str(tmp_path / "short.npy")])
    numpy.save(tmp_path / "small.npy", film.frames[:, :, :5].numpy())
    with pytest.raises(DataError, match="the network reads"):
        attack(run, [str(tmp_path / "small.npy")])


# --------------------------------------------------------------------------------------------------------------- memory


def test_the_numbers_that_are_added_are_left_alone(runs):
    run = runs(MemoryProblem)
    attacked = attack(run, method="pgd", epsilon=1.0, count=30)
    offered = attacked.inputs
    assert isinstance(offered, Addends)
    for index, sequence in enumerate(offered.sequences):
        numbers, marks = sequence.unbind(1)
        assert torch.equal(attacked.raw[index], numbers[marks == 0])
        assert 0 <= attacked.changed[index].min() <= attacked.changed[index].max() <= 1
        other = sequence.clone()
        other[marks == 0, 0] = attacked.changed[index]
        said = run.task.outputs(other[None], run.session)[0, -1, 0]
        assert float(said) == pytest.approx(float(attacked.said_after[index]), abs=1e-5)
        error = abs(float(said) - float(numbers[marks > 0].sum()))
        assert error == pytest.approx(float(attacked.errors_after[index]), abs=1e-5)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_symbols_that_count_are_left_alone(runs, problem):
    attacked = attack(runs(problem), method={"name": "hot-flip", "replacements": 4}, count=40)
    assert isinstance(attacked.inputs, Memories)
    counted = {"copy": "12345678?", "temporal-order": "XY"}[problem]
    written = {"copy": "12345678", "temporal-order": "abcd"}[problem]
    for before, after, replaced in zip(attacked.before, attacked.after, attacked.replaced.tolist()):
        pairs = [(old, new) for old, new in zip(before, after) if old != new]
        assert len(pairs) == replaced <= 4
        assert all(old not in counted and new in written for old, new in pairs)
    assert attacked.replaced.sum() > 0
    if problem == "temporal-order":  # by the rule of the problem itself
        for after, right in zip(attacked.after, attacked.inputs.right[:, 0].tolist()):
            assert "".join(each for each in after if each in "XY") == attacked.inputs.classes[right]
    else:
        assert all(
            "".join(after[:10]) == "".join(map(str, right))
            for after, right in zip(attacked.after, attacked.inputs.right.tolist())
        )


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_first_symbol_that_is_exchanged_raises_the_loss_by_its_estimate(runs, problem):
    """The one-hot gradient against a difference quotient towards the symbol, through the whole network."""
    offered = attackable(runs(problem).task, [], 8)
    victim, rows = offered.victim, torch.arange(8)
    symbols, lengths = offered.rows.padded(rows)
    slope = victim.loss_gradient(symbols, lengths, rows)
    x = offered.network.embedding(symbols)
    step = 1e-2 * slope / slope.flatten(1).norm(dim=1)[:, None, None]

    def losses(x):
        with torch.no_grad():
            logits = offered.network.network(x)[0][:, -offered.network.asked :]
            targets = offered.right
            return torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none").mean(1)

    torch.testing.assert_close(losses(x), victim.losses(symbols, lengths, rows))
    quotient = (losses(x + step) - losses(x - step)) / 2e-2
    torch.testing.assert_close(quotient, slope.flatten(1).norm(dim=1), rtol=0.02, atol=1e-4)


def test_sequences_of_numbers(runs):
    for task in (MemoryProblem, "copy"):
        attacked = attack(runs(task), ["3", "5"])
        assert list(attacked.inputs.names) == ["sequence 3", "sequence 5"]
        (first, _) = runs(task).predict(["3", "5"])
        if task == "copy":
            answer = " ".join(str(number) for number in attacked.answers[0])
        else:
            answer = f"{float(attacked.said[0]):.4f}"
        assert answer == first["answer"]
        with pytest.raises(InputError, match="no whole number"):
            attack(runs(task), ["x"])


# ------------------------------------------------------------------------------------------------------------- refusals


def test_what_is_refused(runs, tmp_path):
    roll, walk = runs(FramePrediction).folder.path, runs(DirectionTagging).folder.path
    assert "it has no epsilon" in refused("attack", roll, "--epsilon", "0.1")
    assert "set flips" in refused("attack", roll, "--epsilon", "0.1")
    assert "no bounds" in refused("attack", walk, "--method", "flip")
    assert "choose one of: fgsm, flip, pgd" in refused("attack", walk, "--method", "deep-fool")
    assert "cannot be told" in refused("attack", walk, "--target", "up")
    assert "'fgsm' cannot change sequences" in refused("attack", runs("copy").folder.path, "--method", "fgsm")
    outcome = gatefield("attack", roll, "--method", "fgsm", "--epsilon", "0.2", "--out", tmp_path / "roll.html")
    assert outcome.code == 0, outcome
    assert "nats a frame" in outcome.out
    assert (tmp_path / "roll.html").stat().st_size > 5000


def test_a_series_of_another_kind_is_refused(runs, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("date,other\n" + "".join(f"2020-01-{day:02d},{day}\n" for day in range(1, 29)))
    for task in (Forecasting, DirectionTagging):
        assert isinstance(runs(task).task.data, CsvSeries)
        with pytest.raises(DataError):
            attack(runs(task), [str(path)])
