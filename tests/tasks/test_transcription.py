"""Transcription: figures against other paths to the same number, decoders, language models, and what is refused."""

from __future__ import annotations

import pathlib

import numpy
import pytest
import torch
from scipy.io import wavfile
from torch.nn import functional

from gatefield import load, train
from gatefield.core.errors import ArgumentError, DataError, InputError
from gatefield.data.readers.digit_strings import DigitStrings
from gatefield.data.readers.text_file import TextFile
from gatefield.data.readers.wav_folder import WavFolder, write_hums
from gatefield.data.sound_features import SoundFeatures
from gatefield.data.spectrogram_masks import SpectrogramMasks
from gatefield.decoding import PrefixBeam
from gatefield.functional.edit_distance import total_edits
from gatefield.tasks.language_modelling import LanguageModelling
from gatefield.tasks.run import Run
from gatefield.tasks.task import Session
from gatefield.tasks.transcription import Transcription
from gatefield.training.settings import Training

MODEL = {
    "name": "ctc-recognizer",
    "encoder": {"name": "recurrent", "cell": "gru", "hidden": [24], "bidirectional": True},
    "strides": [2],
    "channels": 24,
}


def write_melodies(folder: pathlib.Path, count: int) -> None:
    """Strings of one to four tones of four pitches in noise, 8000 samples a second; their digits are the text."""
    random = numpy.random.default_rng(0)
    for number in range(count):
        digits = random.integers(0, 4, random.integers(1, 5))
        pieces = [numpy.zeros(400)]
        for digit in digits:
            time = numpy.arange(random.integers(700, 1100)) / 8000
            pieces += [6000 * numpy.sin(2 * numpy.pi * (300 + 400 * digit) * time), numpy.zeros(random.integers(300))]
        sound = numpy.concatenate(pieces)
        sound += random.normal(0, 300, len(sound))
        name = f"{''.join(map(str, digits))}_{'ann' if number % 2 else 'bob'}_{number}.wav"
        wavfile.write(folder / name, 8000, sound.astype(numpy.int16))


@pytest.fixture(scope="module")
def hums(tmp_path_factory) -> Run:
    """A recognizer of melodies."""
    folder = tmp_path_factory.mktemp("hums")
    write_melodies(folder, 200)
    task = Transcription(
        data=WavFolder(str(folder)),
        model=MODEL,  # type: ignore[arg-type]
        features=SoundFeatures(bands=16),
        training=Training(epochs=12, batch_size=8, optimizer={"name": "adam", "learning_rate": 0.01}),  # type: ignore[arg-type]
    )
    return train(task, out=folder / "run", report=False)


@pytest.fixture(scope="module")
def letters(tmp_path_factory) -> Run:
    """A language model of digits in rising order."""
    folder = tmp_path_factory.mktemp("letters")
    (folder / "text.txt").write_text("0123456789" * 60)
    small = {"name": "language-model", "embedding": 6, "encoder": {"name": "recurrent", "hidden": [8]}}
    task = LanguageModelling(data=TextFile(str(folder / "text.txt")), model=small, steps=10)  # type: ignore[arg-type]
    return train(task, out=folder / "run", report=False)


def small(folder: pathlib.Path, **settings) -> Transcription:
    given = {"model": MODEL, "features": SoundFeatures(bands=8), "training": Training(epochs=1), **settings}
    return Transcription(data=DigitStrings.sample(folder), **given)


def test_learns_hums_and_is_measured_rightly(hums):
    metrics = hums.evaluate()
    assert metrics["character_error_rate"] < 0.1
    task = hums.task
    _, items = task.part("test")
    found = task.transcribe(items, hums.session)
    edits = total_edits((item.text, own.text) for item, own in zip(items, found))
    assert metrics["character_error_rate"] == edits.rate
    assert metrics["exact"] == sum(item.text == own.text for item, own in zip(items, found)) / len(items)
    assert metrics["word_error_rate"] == pytest.approx(1 - metrics["exact"])  # a string is one word
    assert set(metrics["speakers"]) == {"ann", "bob"}
    assert sum(row["count"] for row in metrics["speakers"].values()) == metrics["count"] == 20


def test_loss_is_that_of_torch_over_all_labels(hums):
    task = hums.task
    _, items = task.part("test")
    total = 0.0
    with torch.no_grad():
        for item in items:
            log_y, lengths = task.model(task.features.frames(item)[None])
            labels = torch.tensor([task.labels.ids(item.text)])
            total += float(
                functional.ctc_loss(
                    log_y.transpose(0, 1), labels, lengths, torch.tensor([len(item.text)]), reduction="sum"
                )
            )
    assert hums.evaluate()["loss"] == pytest.approx(total / sum(len(item.text) for item in items), rel=1e-3)


def test_characters_are_said_where_they_stand(hums):
    """In order, within the recording."""
    task = hums.task
    _, items = task.part("test")
    for item, own in zip(items, task.transcribe(items, hums.session)):
        spoken = task.timed(item, own)
        assert "".join(symbol for symbol, _, _ in spoken) == own.text
        edges = [second for _, start, stop in spoken for second in (start, stop)]
        assert edges == sorted(edges)
        assert all(0 <= second <= len(item.samples) / item.rate + 1e-9 for second in edges)


def test_a_wide_beam_finds_no_less_likely_text(hums):
    task = hums.task
    _, items = task.part("test")
    wide = task.transcribe(items, hums.session, task.beam(12))
    narrow = task.transcribe(items, hums.session, PrefixBeam(1))
    assert all(len(own.hypotheses) == 12 for own in wide)
    gains = [one.hypotheses[0].score - other.hypotheses[0].score for one, other in zip(wide, narrow)]
    assert min(gains) > -1e-5


def test_a_loaded_run_hears_files_at_any_rate(hums, tmp_path):
    loaded = load(hums.folder.path)
    _, items = loaded.task.part("test")
    item = max(items, key=lambda item: len(item.text))
    ((expected,),) = [loaded.task.transcribe([item], loaded.session)]
    time = numpy.arange(len(item.samples) * 2) / 2
    doubled = numpy.interp(time, numpy.arange(len(item.samples)), item.samples.numpy())
    wavfile.write(tmp_path / "own.wav", item.rate, item.samples.numpy())
    wavfile.write(tmp_path / "stereo.wav", 2 * item.rate, numpy.stack([doubled, doubled], 1).astype(numpy.float32))
    same, fast, content = loaded.predict(
        [tmp_path / "own.wav", str(tmp_path / "stereo.wav"), (tmp_path / "own.wav").read_bytes()]
    )
    assert same["text"] == fast["text"] == content["text"] == expected.text
    assert content["input"] == "<bytes>"
    assert same["seconds"] == pytest.approx(fast["seconds"])
    folder = list(loaded.predict(tmp_path))
    assert [answer["text"] for answer in folder] == [expected.text] * 2


def test_a_language_model_moves_the_answer(hums, letters):
    """With all the weight on it, digits in rising order are heard where the sound leaves it open."""
    task = load(hums.folder.path).task
    assert isinstance(task, Transcription)
    task.language_model = str(letters.folder.path)
    _, items = task.part("test")
    session = Session()
    alone = task.transcribe(items, session, PrefixBeam(8, hypotheses=8))
    asked = task.transcribe(items, session, PrefixBeam(8, hypotheses=8, weight=2.0, bonus=2.0))

    @torch.no_grad()
    def log_p(text: str) -> float:
        model = letters.task
        ids = torch.tensor([model.codec.encode(text)])
        log_y = model.network(ids)[0].log_softmax(-1)[:, :-1]
        return float(log_y.gather(2, ids[:, 1:, None]).sum())

    for own in asked:
        best = own.hypotheses[0]
        expected = best.log_probability + 2.0 * log_p(own.text) + 2.0 * len(own.text)
        assert best.score == pytest.approx(expected, abs=1e-3)
    likelier = [log_p(one.text) >= log_p(other.text) - 1e-4 for one, other in zip(asked, alone)]
    assert sum(likelier) >= len(likelier) / 2


def test_a_language_model_and_its_weight_belong_together(tmp_path):
    for options in ({"language_model": "runs/lm"}, {"decoder": PrefixBeam(weight=0.3)}):
        with pytest.raises(ArgumentError, match="belong together") as error:
            small(tmp_path, **options)
        assert "prefix-beam" in error.value.hint
    with pytest.raises(ArgumentError, match="label 0 is the blank"):
        small(tmp_path, decoder=PrefixBeam(blank=1))


def test_other_runs_are_no_language_model(hums, tmp_path):
    task = small(tmp_path, decoder=PrefixBeam(weight=0.3), language_model=str(hums.folder.path))
    with pytest.raises(InputError, match="transcription, which is no language model"):
        task.prepare(Session())


def test_other_models_do_not_spell(tmp_path):
    with pytest.raises(ArgumentError, match="frame by frame"):
        small(tmp_path, model="sequence-classifier").prepare(Session())


def test_texts_that_do_not_fit_are_named(tmp_path):
    write_hums(tmp_path, ["abcdefghijklmnopqrst_ann_{}", "ab_ann_{}"], count=2)
    task = Transcription(data=WavFolder(str(tmp_path)), model={**MODEL, "strides": [4, 4]}, test=0.0, validation=0.0)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"[0-9]\.wav: 1 frames cannot hold the \d+ characters"):
        task.prepare(Session())


def test_a_character_that_only_the_test_part_has_is_counted_as_missed(tmp_path):
    for part, names in (("train", ["a_{}", "b_{}"]), ("test", ["z_{}"])):
        (tmp_path / part).mkdir()
        write_hums(tmp_path / part, names, count=3)
    reader = WavFolder(str(tmp_path), pattern="(?P<text>.)_.*")
    task = Transcription(data=reader, model=MODEL, features=SoundFeatures(bands=8), training=Training(epochs=1))  # type: ignore[arg-type]
    metrics = train(task, out=tmp_path / "run", report=False).evaluate()
    assert metrics["character_edits"]["length"] == 3
    assert metrics["character_error_rate"] >= 1


def test_masks_change_what_is_learned_and_nothing_else(tmp_path):
    (tmp_path / "data").mkdir()
    masks = SpectrogramMasks(times=1, bands=1, longest=8, widest=3)
    weights = []
    for number, given in enumerate((None, masks, masks)):
        run = train(small(tmp_path / "data", masks=given), out=tmp_path / str(number), report=False)
        weights.append(run.folder.weights.read_bytes())
    assert weights[0] != weights[1]
    assert weights[1] == weights[2]
