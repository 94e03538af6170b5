"""Prediction of frames: figures against a transcription in NumPy, baselines, and real chorales."""

from __future__ import annotations

import numpy
import pytest
import scipy.io
import scipy.special
import torch

from gatefield import train
from gatefield.core.errors import ArgumentError, DataError, InputError
from gatefield.data.corpus import Roll
from gatefield.data.readers.piano_rolls import PianoRolls
from gatefield.tasks.frame_prediction import FramePrediction
from gatefield.tasks.run import Run
from gatefield.tasks.task import Session
from gatefield.training.settings import Training

SMALL = {"name": "sequence-predictor", "encoder": {"name": "tcn", "channels": [32, 32], "kernel_size": 3}}
ADAM = {"name": "adam", "learning_rate": 0.03}


def task(folder, **settings) -> FramePrediction:
    given = {"model": SMALL, "training": Training(epochs=2, batch_size=2), **settings}
    return FramePrediction(data=PianoRolls(path=str(folder)), **given)


def write(folder, **parts) -> None:
    variables = {}
    for name, pieces in parts.items():
        row = numpy.empty((1, len(pieces)), dtype=object)
        for number, piece in enumerate(pieces):
            row[0, number] = piece.astype(numpy.uint8)
        variables[name] = row
    scipy.io.savemat(folder / "JSB_Chorales.mat", variables)


def scales(count: int, seed: int) -> list[numpy.ndarray]:
    """Scales up and down over five keys, two keys at a time, beginning anywhere."""
    random = numpy.random.default_rng(seed)
    turn = numpy.array([0, 1, 2, 3, 4, 3, 2, 1])
    pieces = []
    for _ in range(count):
        steps = turn[(random.integers(8) + numpy.arange(random.integers(10, 20))) % 8]
        piece = numpy.zeros((len(steps), 88))
        piece[numpy.arange(len(steps)), 40 + steps] = 1
        piece[numpy.arange(len(steps)), 60 + steps] = 1
        pieces.append(piece)
    return pieces


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("scales")
    write(folder, traindata=scales(30, 0), validdata=scales(5, 1), testdata=scales(7, 2))
    training = Training(epochs=15, batch_size=4, optimizer=ADAM, schedule="cosine")  # type: ignore[arg-type]
    return train(task(folder, training=training, baselines=True), out=folder / "run")


def test_the_loss_is_that_of_the_papers(trained):
    """Sum over keys, mean over all frames but the first of each piece, one piece at a time and step by step."""
    name, items = trained.task.part(None)
    total = count = hits = either = 0
    for item in items:
        notes, state = item.notes.double().numpy(), None
        for t in range(len(notes) - 1):
            with torch.inference_mode():
                z, state = trained.task.model.step(item.notes[t : t + 1].float(), state)
            p, y = scipy.special.expit(z[0].double().numpy()), notes[t + 1]
            total -= (scipy.special.xlogy(y, p) + scipy.special.xlog1py(1 - y, -p)).sum()
            count += 1
            hits += int(((p > 0.5) & (y > 0)).sum())
            either += int(((p > 0.5) | (y > 0)).sum())
    metrics = trained.evaluate()
    assert (name, metrics["count"]) == ("test", count)
    assert metrics["loss"] == pytest.approx(total / count, rel=1e-5)
    assert metrics["accuracy"] == pytest.approx(hits / either)
    own = trained.task
    batches = own.batches(items, 3, False, trained.session)
    assert sum(batches.sizes(0)) == count


def test_a_network_knows_more_than_a_key_of_itself(trained):
    """From the frame before alone a turn is unknown in the middle of a scale; one that remembers knows it."""
    metrics = trained.evaluate()
    beside = metrics["baselines"]
    assert metrics["loss"] < 1 < beside["last frame, key by key"]["loss"] < beside["frequency of each key"]["loss"]


def test_baselines_by_hand(tmp_path):
    own = task(tmp_path)

    def roll(*frames):
        notes = torch.zeros(len(frames), 88, dtype=torch.uint8)
        for frame, key in enumerate(frames):
            notes[frame, list(key)] = 1
        return Roll(notes, "here")

    found = own.measure_baselines([roll([0], [0], [], [0])], [roll([0], [0])])
    # key 0 after the first frame: on, off, on; the others: off three times; one is added to all counts
    silent = -87 * numpy.log(4 / 5)
    assert found["frequency of each key"]["loss"] == pytest.approx(-numpy.log(3 / 5) + silent, rel=1e-5)
    # key 0 where it was on before: on, off; the others where they were off before: off three times
    assert found["last frame, key by key"]["loss"] == pytest.approx(-numpy.log(2 / 4) + silent, rel=1e-5)


def test_predict_reads_chords(trained):
    chords = ", ".join(f"{61 + k} {81 + k}" for k in (0, 1, 2, 3, 4, 3))
    (answer,) = trained.predict([chords], top=2)
    assert {row["number"] for row in answer["next"]} == {63, 83}
    assert {row["key"] for row in answer["next"]} == {"D♯4", "B5"}
    notes = torch.zeros(6, 88, dtype=torch.uint8)
    for frame, k in enumerate((0, 1, 2, 3, 4, 3)):
        notes[frame, [40 + k, 60 + k]] = 1
    assert answer["loss"] == pytest.approx(trained.task.measure([Roll(notes, "")], trained.session)["loss"], rel=1e-4)
    (first,) = trained.predict(["61 81"])
    assert first["loss"] == 0
    for wrong in ("61 20", "61 109", "C4", "-61", "²"):
        with pytest.raises(InputError, match="no key of a piano") as caught:
            next(trained.predict([f"61, {wrong}"]))
        assert "frame 2" in str(caught.value)
        assert caught.value.hint


def test_refuses_networks_that_cannot_foretell(tmp_path):
    write(tmp_path, traindata=scales(4, 0), validdata=scales(2, 1), testdata=scales(2, 2))
    for model, message in (
        ({**SMALL, "output": "softmax"}, "does not foretell frames"),
        ({"name": "tcn"}, "'tcn' with the output unit 'softmax'"),
        ({**SMALL, "encoder": "bidirectional"}, "looks ahead"),
        ({**SMALL, "encoder": "convolution"}, "looks ahead"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            train(task(tmp_path, model=model), out=tmp_path / "run")
        assert caught.value.hint
    write(tmp_path, traindata=[*scales(2, 0), scales(1, 0)[0][:1]], validdata=scales(1, 1), testdata=scales(1, 2))
    with pytest.raises(DataError, match="too few"):
        train(task(tmp_path), out=tmp_path / "run")


@pytest.mark.slow
def test_bachs_chorales(data_folder, tmp_path):
    """A small network in twenty epochs knows more than the keys by themselves."""
    own = task(data_folder / "polyphonic-music", training=Training(epochs=20, batch_size=16, optimizer=ADAM))  # type: ignore[arg-type]
    run = train(own, out=tmp_path / "run")
    metrics = run.evaluate()
    assert metrics["count"] == sum(len(item.notes) - 1 for item in own.part("test")[1])
    beside = own.measure_baselines(own.parts.train, own.part("test")[1])
    assert metrics["loss"] < min(found["loss"] for found in beside.values())


def test_only_training_hears_other_keys(tmp_path):
    """A network that was trained on one key knows the others; what is measured stays as it is."""
    write(tmp_path, traindata=scales(4, 0), validdata=scales(2, 1), testdata=scales(2, 2))
    transposing = task(tmp_path, transpose=3)
    items, session = transposing.parts.train, Session()
    frames = sum(len(item.notes) - 1 for item in items)
    trained_on = transposing.batches(items, 2, True, session)
    assert sum(trained_on.sizes(0)) == 7 * frames
    lowest = {int(batch.inputs[0].sum((0, 1)).nonzero().min()) for batch in trained_on.epoch(0)}
    assert min(lowest) == 37
    assert max(lowest) <= 43
    assert sum(transposing.batches(items, 2, False, session).sizes(0)) == frames
