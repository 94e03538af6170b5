"""Forecasts of films: figures against a transcription in NumPy, baselines by hand, answers as files."""

from __future__ import annotations

import io
import math

import numpy
import pytest
import scipy.special
import torch

from gatefield import load, train
from gatefield.core.errors import ArgumentError, DataError, InputError
from gatefield.data.film import Film, read_film
from gatefield.data.readers.film_folder import FilmFolder
from gatefield.data.readers.moving_digits import MovingDigits
from gatefield.tasks.film_errors import FilmErrors, baselines
from gatefield.tasks.run import Run
from gatefield.tasks.video_prediction import VideoPrediction
from gatefield.training.settings import Training

SMALL = {"name": "field-forecaster", "cell": "conv-lstm", "hidden": [4]}
ADAM = {"name": "adam", "learning_rate": 0.03}


def bars(count: int, frames: int = 6, size: int = 6, seed: int = 0) -> list[Film]:
    """A bar, more or less bright, that moves one pixel a frame to the right, from edge to edge again."""
    source = torch.Generator().manual_seed(seed)
    films = []
    for number in range(count):
        column, level = (
            int(torch.randint(size, (), generator=source)),
            int(torch.randint(155, 256, (), generator=source)),
        )
        film = torch.zeros(frames, 1, size, size, dtype=torch.uint8)
        for time in range(frames):
            film[time, 0, :, (column + time) % size] = level
        films.append(Film(film, f"bar {number}"))
    return films


def write(folder, films) -> str:
    for number, film in enumerate(films):
        numpy.save(folder / f"{number:03}.npy", film.frames.numpy())
    return str(folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("bars")
    for part, count in (("train", 24), ("val", 6), ("test", 9)):
        (folder / part).mkdir()
        write(folder / part, bars(count, seed=len(part)))
    training = Training(epochs=25, batch_size=4, optimizer=ADAM)  # type: ignore[arg-type]
    task = VideoPrediction(FilmFolder(str(folder)), SMALL, past=3, horizon=2, training=training)  # type: ignore[arg-type]
    return train(task, out=folder / "run", report=False)


def test_figures_are_those_of_the_paper(trained):
    """Sums over pixels, means over frames, film by film and frame by frame."""
    task = trained.task
    _, items = task.part(None)
    loss = squares = least = count = 0.0
    for item in items:
        for start in range(0, len(item.frames) - 5 + 1, 2):
            seen = item.frames[start : start + 3].float()[None] / 255
            with torch.inference_mode():
                p = scipy.special.expit(task.model(seen)[0].double().numpy())
            t = item.frames[start + 3 : start + 5].flatten(1).numpy() / 255
            loss -= (scipy.special.xlogy(t, p) + scipy.special.xlog1py(1 - t, -p)).sum()
            squares += ((p - t) ** 2).sum()
            least -= (scipy.special.xlogy(t, t) + scipy.special.xlog1py(1 - t, -t)).sum()
            count += 2
    metrics = trained.evaluate()
    assert metrics["count"] == count
    assert metrics["loss"] == pytest.approx(loss / count, rel=1e-5)
    assert metrics["squared_error"] == pytest.approx(squares / count, rel=1e-5)
    assert metrics["least"] == pytest.approx(least / count, rel=1e-5)
    assert metrics["loss"] == pytest.approx(sum(step["loss"] for step in metrics["steps"]) / 2)


def test_what_moves_is_foretold_better_than_by_what_was(trained):
    metrics = trained.evaluate()
    beside = metrics["baselines"]
    assert set(beside) == {"last frame", "last frame, by brightness", "mean frame"}
    assert metrics["loss"] < min(row["loss"] for row in beside.values())
    for name in beside:
        assert name in trained.task.describe(metrics)


def test_baselines_by_hand():
    """Two pixels, three films of two frames: seen, then what came."""

    def film(*levels):
        return Film(torch.tensor(levels, dtype=torch.uint8)[:, None, None], "here")

    known = [film([255, 0], [255, 0]), film([255, 0], [0, 0]), film([0, 0], [0, 51])]
    found = baselines(known, [film([255, 0], [0, 51])], 1, 1)
    # bright pixels became 1 and 0, dark ones 0, 0, 0 and 0.2; half a bright pixel of two is added
    bright, dark = (1 + 0.5) / 3, (0.2 + 0.5) / 5
    expected = -math.log(1 - bright) - 0.2 * math.log(dark) - 0.8 * math.log(1 - dark)
    assert found["last frame, by brightness"]["loss"] == pytest.approx(expected)
    sure = 0.5 / 255
    last = -math.log(sure) - 0.2 * math.log(sure) - 0.8 * math.log(1 - sure)
    assert found["last frame"]["loss"] == pytest.approx(last)
    assert found["last frame"]["squared_error"] == pytest.approx(1 + 0.04, rel=1e-2)
    left, right = 1 / 3, 0.2 / 3
    mean = -math.log(1 - left) - 0.2 * math.log(right) - 0.8 * math.log(1 - right)
    assert found["mean frame"]["loss"] == pytest.approx(mean)
    entropy = -0.2 * math.log(0.2) - 0.8 * math.log(0.8)
    for row in found.values():
        assert row["least"] == pytest.approx(entropy)


def test_a_right_forecast_has_the_least_error():
    t = torch.rand(3, 2, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    errors, others = FilmErrors(2), FilmErrors(2)
    errors.add(t.logit(), t)
    others.add((t + 0.01).clamp(max=0.999).logit(), t)
    assert errors.metrics["loss"] == pytest.approx(errors.metrics["least"])
    assert others.metrics["loss"] > errors.metrics["least"]
    for part in t.split(1):
        others.add(part.logit(), part)
    assert others.windows == 6


def test_answers_are_forecasts_of_the_last_frames(trained, tmp_path):
    film = bars(1, frames=5, seed=9)[0].frames
    numpy.save(tmp_path / "bar.npy", film.numpy())
    (answer,) = trained.predict([tmp_path / "bar.npy"])
    with torch.inference_mode():
        p = trained.task.model(film[None, -3:].float() / 255)[0].sigmoid().view(2, 1, 6, 6)
    assert (torch.tensor(answer["frames"]) - 255 * p).abs().max() <= 0.51
    assert answer["seen"] == film[-3:].tolist()
    files = trained.task.draw(answer)
    assert set(files) == {".gif", ".png", ".npy"}
    assert numpy.load(io.BytesIO(files[".npy"]), allow_pickle=False).tolist() == answer["frames"]
    shown = read_film(files[".gif"]).frames
    assert len(shown) == 5
    assert shown.shape[2] == shown.shape[3] > 100
    (again,) = load(trained.folder.path).predict([(tmp_path / "bar.npy").read_bytes()])
    assert again["frames"] == answer["frames"]
    assert len(list(trained.predict([str(tmp_path)]))) == 1


def test_films_that_cannot_be_forecast(trained, tmp_path):
    numpy.save(tmp_path / "short.npy", bars(1, frames=2)[0].frames.numpy())
    numpy.save(tmp_path / "large.npy", bars(1, size=8)[0].frames.numpy())
    for name, message in (("short", "2 frames, and the network looks at 3"), ("large", "8 x 8 pixels")):
        with pytest.raises(DataError, match=message) as caught:
            next(trained.predict([str(tmp_path / f"{name}.npy")]))
        assert name in str(caught.value)
        assert caught.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no film"):
        next(trained.predict([str(tmp_path / "empty")]))


def test_the_report_shows_films(trained):
    page = trained.report().read_text()
    assert page.count("data:image/gif") == 3
    for text in ("What comes, and what was forecast", "last frame, by brightness", "the worst"):
        assert text in page


def test_refuses_what_does_not_fit(tmp_path):
    films = MovingDigits(films=4, held_out=2, frames=4, size=10)
    for settings, path in (
        ({"model": {"name": "tcn"}}, ("model",)),
        ({"model": {**SMALL, "horizon": 2}}, ("model", "horizon")),
    ):
        with pytest.raises(ArgumentError) as caught:
            VideoPrediction(films, **settings)
        assert caught.value.path == path
        assert caught.value.hint
    with pytest.raises(ArgumentError, match="leaves"):
        train(VideoPrediction(films, {**SMALL, "output": "linear"}, past=2, horizon=2), out=tmp_path / "run")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a window 5 \\+ 5"):
        train(VideoPrediction(films, SMALL), out=tmp_path / "run")  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
