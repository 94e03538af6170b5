"""Sound classification: learns, counts by speaker, answers files, and says which text is no class."""

from __future__ import annotations

import shutil

import pytest
import torch

from gatefield import load, train
from gatefield.core.errors import DataError
from gatefield.data.readers.spoken_digits import SpokenDigits
from gatefield.data.readers.wav_folder import WavFolder, write_hums
from gatefield.data.sound_features import SoundFeatures
from gatefield.data.spectrogram_masks import SpectrogramMasks
from gatefield.tasks.run import Run
from gatefield.tasks.sound_classification import SoundClassification
from gatefield.tasks.task import Session
from gatefield.training.settings import Training

MODEL = {"name": "sequence-classifier", "readout": "mean", "encoder": {"name": "recurrent", "cell": "gru"}}


def task(data, epochs: int = 1, **options) -> SoundClassification:
    model = {**MODEL, "encoder": {"name": "recurrent", "cell": "gru", "hidden": [12]}}
    training = Training(epochs=epochs, batch_size=10, optimizer={"name": "adam", "learning_rate": 0.02})  # type: ignore[arg-type]
    return SoundClassification(data=data, model=model, features=SoundFeatures(bands=12), training=training, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def hums(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("hums")
    (folder / "data").mkdir()
    return train(task(SpokenDigits.sample(folder / "data"), epochs=15), out=folder / "run", report=False)


def test_learns_and_counts_by_speaker(hums):
    metrics = hums.evaluate()
    assert metrics["accuracy"] > 0.9
    assert metrics["count"] == 100
    assert {name: row["count"] for name, row in metrics["speakers"].items()} == {"ann": 50, "bob": 50}
    weighed = sum(row["count"] * row["accuracy"] for row in metrics["speakers"].values())
    assert weighed / 100 == pytest.approx(metrics["accuracy"])
    assert sum(map(sum, metrics["confusion"])) == 100


def test_outputs_are_those_of_each_recording_alone(hums):
    own = hums.task
    items = own.part("test")[1][:7]
    together = own.outputs(items, hums.session)
    for item, outputs in zip(items, together):
        alone = own.model(own.features.frames(item)[None])[0].detach()
        torch.testing.assert_close(outputs, alone, atol=1e-5, rtol=1e-4)


def test_a_loaded_run_answers_files(hums):
    loaded = load(hums.folder.path)
    _, items = hums.task.part("test")
    answers = list(loaded.predict([item.place for item in items[:5]], top=3))
    assert [answer["input"] for answer in answers] == [item.place for item in items[:5]]
    expected = hums.task.outputs(items[:5], hums.session).softmax(1)
    for answer, row in zip(answers, expected):
        assert [choice["probability"] for choice in answer["top"]] == pytest.approx(row.topk(3).values.tolist())
        assert answer["label"] == answer["top"][0]["label"] == str(int(row.argmax()))


def test_a_held_out_speaker_is_in_no_other_part(tmp_path):
    SpokenDigits.sample(tmp_path)
    parts = task(SpokenDigits(str(tmp_path), speaker="bob")).parts
    assert {item.speaker for item in parts.test} == {"bob"}
    assert {item.speaker for item in [*parts.train, *parts.validation]} == {"ann"}


def test_equal_recordings_stay_in_one_part(tmp_path):
    write_hums(tmp_path, ["low_ann_{}", "high_ann_{}"], count=6)
    for file in list(tmp_path.iterdir()):
        shutil.copy(file, tmp_path / file.name.replace("ann", "bob"))
    own = task(WavFolder(str(tmp_path)), validation=0.25, test=0.25)
    parts = [part for part in (own.parts.train, own.parts.validation, own.parts.test) if part]
    assert len(parts) == 3
    sounds = [{item.samples.numpy().tobytes() for item in part} for part in parts]
    assert sum(map(len, sounds)) == len(set.union(*sounds)) == 12


def test_a_text_that_is_no_class_is_named(tmp_path):
    from gatefield.data.readers.digit_strings import DigitStrings

    own = task(DigitStrings.sample(tmp_path))
    own.prepare(Session())
    with pytest.raises(DataError, match=r"digit-strings train \d: '\d+' is none of the 10 classes") as error:
        own.batches(own.parts.train, 4, True, Session())
    assert "transcription" in error.value.hint


def test_one_class_is_none(tmp_path):
    write_hums(tmp_path, ["same_{}"], count=8)
    with pytest.raises(DataError, match="one class, 'same'"):
        task(WavFolder(str(tmp_path))).prepare(Session())


def test_masks_are_of_training_only(tmp_path):
    own = task(SpokenDigits.sample(tmp_path), masks=SpectrogramMasks(times=0, longest=0, bands=1, widest=12))
    own.prepare(Session())
    items = own.parts.train[:20]
    plain = next(iter(own.batches(items, 20, False, Session()).epoch(0)))
    masked = next(iter(own.batches(items, 20, True, Session()).epoch(0)))
    frames = own.features.encode_all(items)
    torch.testing.assert_close(plain.inputs[0], frames.padded(plain.indices)[0])
    assert (masked.inputs[0] == 0).all(1).any()


@pytest.mark.slow
def test_spoken_digits_of_real_people(data_folder, tmp_path):
    """Most digits after a few epochs; the recipe trains longer."""
    own = task(SpokenDigits(str(data_folder / "fsdd")), epochs=3)
    assert train(own, out=tmp_path / "run").evaluate()["accuracy"] > 0.6
