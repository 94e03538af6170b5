"""The verb predict where answers are films: words, files, and what it refuses."""

from __future__ import annotations

import json
import pathlib

import numpy
import pytest
from command_line import gatefield, refused

from gatefield import train
from gatefield.data.film import read_film
from gatefield.tasks.video_prediction import VideoPrediction


@pytest.fixture(scope="module")
def film_run(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("films")
    train(VideoPrediction.sample(folder), out=folder / "run", report=False)
    film = numpy.random.default_rng(0).integers(0, 256, (4, 10, 10), dtype=numpy.uint8)
    numpy.save(folder / "noise.npy", film)
    return folder / "run"


def test_a_film_is_continued(film_run, tmp_path):
    film, out = film_run.parent / "noise.npy", tmp_path / "answers"
    outcome = gatefield("predict", film_run, film, "--out", out)
    assert outcome.code == 0, outcome.err
    assert "2 frames follow frame 4" in outcome.out
    assert sorted(path.name for path in out.iterdir()) == [f"noise-answer{kind}" for kind in (".gif", ".npy", ".png")]
    answer = json.loads(gatefield("predict", film_run, film, "--json").out)
    assert numpy.load(out / "noise-answer.npy", allow_pickle=False).tolist() == answer["frames"]
    assert len(read_film(out / "noise-answer.gif").frames) == 5
    assert (out / "noise-answer.png").read_bytes()[:4] == b"\x89PNG"


def test_nothing_is_overwritten(film_run, tmp_path):
    (tmp_path / "noise-answer.gif").write_text("mine")
    film = film_run.parent / "noise.npy"
    assert "exists already" in gatefield("predict", film_run, film, "--out", tmp_path).err
    assert (tmp_path / "noise-answer.gif").read_text() == "mine"
    assert "there is no file" in refused("predict", film_run, tmp_path / "none.gif")


def test_answers_in_words_are_no_files(digits_run, tmp_path):
    assert "whose answers are words" in refused("predict", digits_run, "seven.png", "--out", tmp_path)
