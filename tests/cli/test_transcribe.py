"""``gatefield transcribe``: a line a recording, any rate, times and texts as JSON, and clear refusals."""

from __future__ import annotations

import json
import pathlib

import numpy
import pytest
from command_line import gatefield, refused
from scipy.io import wavfile


def write_hum(path: pathlib.Path, pitch: float, rate: int, channels: int, seed: int) -> None:
    """A fifth of a second of a tone in noise."""
    time = numpy.arange(rate // 5) / rate
    noise = numpy.random.default_rng(seed).normal(0, 500, (len(time), channels))
    hum = numpy.sin(2 * numpy.pi * pitch * time)[:, None] * 8000 + noise
    wavfile.write(path, rate, hum.astype(numpy.int16))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> pathlib.Path:
    """A recognizer of two hums."""
    folder = tmp_path_factory.mktemp("hums")
    (folder / "data").mkdir()
    for number in range(10):
        write_hum(folder / "data" / f"a_ann_{number}.wav", 200 + number, 8000, 1, number)
        write_hum(folder / "data" / f"b_bob_{number}.wav", 900 + number, 8000, 1, 10 + number)
    (folder / "small.yaml").write_text(
        "task: transcription\n"
        f"data: {{name: wav-folder, path: {folder / 'data'}}}\n"
        "model: {name: ctc-recognizer, encoder: {name: recurrent, cell: gru, hidden: [12]}}\n"
        "features: {bands: 8}\n"
        "training: {epochs: 40, batch_size: 4, optimizer: {name: adam, learning_rate: 0.02}}\n",
        encoding="utf-8",
    )
    outcome = gatefield("train", folder / "small.yaml", "--out", folder / "run")
    assert outcome.code == 0, outcome.err
    return folder / "run"


@pytest.fixture
def sound(tmp_path) -> pathlib.Path:
    """The lower hum at another rate, in two channels."""
    write_hum(tmp_path / "hum.wav", 205, 44100, 2, 99)
    return tmp_path / "hum.wav"


def test_tells_what_is_said(run, sound):
    outcome = gatefield("transcribe", run, sound)
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"{sound}: a\n"
    assert gatefield("transcribe", run, sound.parent).out == outcome.out
    assert gatefield("transcribe", run, sound, "--beam", 4).out == outcome.out
    assert gatefield("predict", run, sound).out == outcome.out


def test_json_and_times(run, sound):
    answer = json.loads(gatefield("transcribe", run, sound, "--beam", 3, "--json").out)
    assert set(answer) == {"input", "text", "seconds", "symbols", "hypotheses"}
    assert answer["seconds"] == pytest.approx(0.2)
    assert [symbol["symbol"] for symbol in answer["symbols"]] == ["a"]
    assert 0 <= answer["symbols"][0]["start"] < answer["symbols"][0]["stop"] <= answer["seconds"]
    assert answer["hypotheses"][0]["text"] == "a"
    scores = [own["log_probability"] for own in answer["hypotheses"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    timed = gatefield("transcribe", run, sound, "--times").out.splitlines()
    assert timed[1].split() == [f"{answer['symbols'][0]['start']:.2f}", "s", "a"]


def test_what_is_no_sound_is_refused(run, tmp_path):
    wavfile.write(tmp_path / "silent.wav", 8000, numpy.zeros(0, numpy.int16))
    (tmp_path / "text.wav").write_text("no sound at all")
    (tmp_path / "empty").mkdir()
    assert "silent.wav holds no sound" in refused("transcribe", run, tmp_path / "silent.wav")
    assert "text.wav is not a readable WAV file" in refused("transcribe", run, tmp_path / "text.wav")
    assert "gone.wav" in refused("transcribe", run, tmp_path / "gone.wav")
    assert "holds no recording" in refused("transcribe", run, tmp_path / "empty")
    assert "--beam" in refused("transcribe", run, tmp_path / "silent.wav", "--beam", 0)
    assert "--times" in refused("transcribe", run, tmp_path / "silent.wav", "--times", "--json")


def test_other_runs_write_nothing_down(digits_run, sound):
    assert "image-classification, which writes nothing down" in refused("transcribe", digits_run, sound)
