"""Recordings that are written down and pictures that are described, under attack."""

from __future__ import annotations

import json
import pathlib

import pytest
import torch
from command_line import gatefield, refused

from gatefield import train
from gatefield.core.errors import InputError
from gatefield.data.corpus import Recording
from gatefield.data.readers.coco_captions import CocoCaptions
from gatefield.data.readers.digit_strings import DigitStrings
from gatefield.data.readers.wav_folder import write_hums
from gatefield.data.sound_features import SoundFeatures
from gatefield.data.sound_files import read_sound
from gatefield.explain.attacks.attack import whole_pixels
from gatefield.functional.ctc_paths import loss_by_recursion, paths, steps_needed
from gatefield.tasks.attacked.captions import Captions
from gatefield.tasks.attacked.sentences import AttackedSentences
from gatefield.tasks.attacked.transcripts import AttackedTranscripts, Transcripts
from gatefield.tasks.attacking import attack, attackable
from gatefield.tasks.attacking_page import describe, page
from gatefield.tasks.captioning import Captioning
from gatefield.tasks.transcription import Transcription
from gatefield.training.settings import Training

ADAM = {"name": "adam", "learning_rate": 0.02}
TOWARDS = {"name": "pgd", "steps": 40, "random_start": False}


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """A recognizer of one or two hums of three pitches that makes no error."""
    folder = tmp_path_factory.mktemp("hums")
    write_hums(folder, [f"{digit}_ann_{{}}" for digit in range(3)], count=12)
    encoder = {"name": "recurrent", "cell": "gru", "hidden": [16], "bidirectional": True}
    task = Transcription(
        data=DigitStrings(str(folder), count=100, held_out=8, longest=2, silence=0.02),
        model={"name": "ctc-recognizer", "encoder": encoder},  # type: ignore[arg-type]
        features=SoundFeatures(bands=12),
        training=Training(epochs=12, batch_size=8, optimizer=ADAM),  # type: ignore[arg-type]
    )
    return train(task, out=tmp_path_factory.mktemp("heard") / "run", report=False)


@pytest.fixture(scope="module")
def hum(heard):
    """A file of one hum."""
    return f"{heard.task.data.path}/1_ann_3.wav"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A captioner of pictures of noise, of which it says one of their captions."""
    network = {"name": "mnist-cnn", "filters": [8], "kernel_size": 3, "classes": 20}
    model = {"name": "show-attend-and-tell", "network": network, "layer": "features.pooling1"}
    task = Captioning(
        data=CocoCaptions.sample(tmp_path_factory.mktemp("noise")),
        model={**model, "embedding": 8, "hidden": 16},  # type: ignore[arg-type]
        size=8,
        pretraining=Training(epochs=20, optimizer=ADAM),  # type: ignore[arg-type]
        training=Training(epochs=60, optimizer=ADAM),  # type: ignore[arg-type]
    )
    return train(task, out=tmp_path_factory.mktemp("seen") / "run", report=False)


def _losses(offered, values):
    """The losses of all inputs in their order, of ``values`` in their order and without padding."""
    found = torch.zeros(len(offered.names))
    for part in offered.parts:
        raw = part.raw.to(torch.float32, copy=True)
        for row, index in enumerate(part.indices.tolist()):
            raw[row, : len(values[index])] = values[index]
        found[part.indices] = part.victim.losses(raw, torch.arange(len(raw)))
    return found


def _slope_is_a_difference_quotient(part, size):
    """Along the gradient itself, of the sum of the losses."""
    victim, raw, numbers = part.victim, part.raw.float(), torch.arange(len(part.raw))
    slope = victim.loss_gradient(raw, numbers)
    assert slope.flatten(1).abs().amax(1).gt(0).all()
    assert torch.equal(victim.inside(slope), slope)
    step = size * slope / slope.norm()
    ahead, behind = (victim.losses(raw + sign * step, numbers).double().sum() for sign in (1, -1))
    assert float(ahead - behind) / (2 * size) == pytest.approx(float(slope.norm()), rel=0.02)


# -------------------------------------------------------------------------------------------------------- recordings


def test_what_is_attacked_is_what_the_task_hears(heard):
    offered = attackable(heard.task, [], 100)
    assert isinstance(offered, Transcripts)
    _, items = heard.task.part(None)
    found = heard.task.transcribe(items, heard.session)
    assert offered.said([part.raw for part in offered.parts]) == [transcript.text for transcript in found]
    labels = heard.task.labels
    expected = [
        loss_by_recursion(own.log_probabilities, labels.ids(item.text)) / len(item.text)
        for own, item in zip(found, items)
    ]
    torch.testing.assert_close(
        _losses(offered, [item.samples for item in items]), torch.stack(expected).float(), atol=1e-4, rtol=1e-4
    )
    attacked = attack(heard, epsilon=0.02)
    weights = torch.tensor([float(len(item.text)) for item in items], dtype=torch.float64)
    changed = [item._replace(samples=new) for item, new in zip(items, attacked.changed)]
    for errors, own in ((attacked.errors, items), (attacked.errors_after, changed)):
        rate = heard.task.measure(own, heard.session)["character_error_rate"]
        assert float((errors * weights).sum() / weights.sum()) == pytest.approx(100 * rate)


def test_the_gradient_of_the_sentence_goes_to_the_samples(heard):
    _slope_is_a_difference_quotient(attackable(heard.task, [], 100).parts[0], 1e-5)


def test_without_a_budget_recordings_stay(heard):
    attacked = attack(heard, method="pgd", epsilon=0.0)
    assert isinstance(attacked, AttackedTranscripts)
    assert all(torch.equal(new, old) for new, old in zip(attacked.changed, attacked.raw))
    assert attacked.said == attacked.said_after == attacked.said_of_noise
    assert attacked.decibels is None


@pytest.mark.parametrize("method", ["fgsm", {"name": "pgd", "steps": 5}])
def test_mishearing_takes_more_than_noise_within_the_budget(heard, method):
    attacked = attack(heard, method=method, epsilon=0.1)
    _, items = heard.task.part(None)
    assert [len(new) for new in attacked.changed] == [len(item.samples) for item in items]
    told = attacked.to_dict()
    assert told["largest_change"] == pytest.approx(0.1, rel=1e-3)
    assert told["decibels"] == pytest.approx(20 * torch.tensor(0.1 / (12000 / 2**15)).log10().item(), abs=0.1)
    assert told["error"] == 0
    assert told["exact"] == 1
    assert told["exact_attacked"] <= told["exact_of_noise"]
    assert told["error_attacked"] > told["error_of_noise"]
    assert [point["epsilon"] for point in told["curve"]] == [0, 0.025, 0.05, 0.1, 0.2]
    assert told["curve"][3]["error_attacked"] == told["error_attacked"]
    assert "without error: 100.0% -> " in describe(attacked)


def test_recordings_are_heard_as_the_told_sentence(heard):
    target = "201"  # tones cannot be hidden within the budget, but others be added
    attacked = attack(heard, method={**TOWARDS, "steps": 60}, epsilon=0.3, target=target)
    assert isinstance(attacked.inputs, Transcripts)
    assert attacked.inputs.right == [[target]] * len(attacked.raw)
    assert attacked.curve is None
    before, after = _losses(attacked.inputs, attacked.raw), _losses(attacked.inputs, attacked.changed)
    assert (after < before).all()
    told = attacked.to_dict()
    assert told["target"] == target
    assert told["exact"] == told["exact_of_noise"] == 0
    assert told["exact_attacked"] == sum(said == target for said in attacked.said_after) / len(attacked.raw) > 0.5
    assert told["error_attacked"] < told["error"]
    assert attacked.title() == f"pgd, epsilon 0.3, towards '{target}',"
    assert f"character error rate against '{target}', % " in describe(attacked)


def test_a_file_is_held_to_what_was_heard_in_it(heard, hum):
    attacked = attack(heard, [hum], epsilon=0.1)
    (row,) = attacked.to_dict()["inputs"]
    assert row["said"] == next(heard.predict([hum]))["text"]
    assert attacked.inputs.right == [[row["said"]]]
    assert row["error"] == 0
    samples, rate = read_sound(pathlib.Path(hum))
    torch.testing.assert_close(attacked.raw[0], samples)
    changed = Recording(attacked.changed[0], rate, "", "", "")
    (transcript,) = heard.task.transcribe([changed], heard.session, told=False)
    assert row["said_attacked"] == transcript.text
    assert f"'{row['said']}' -> '{transcript.text}'" in describe(attacked)
    assert "stands in for it" in page(heard, attacked).html()


def test_a_file_at_another_rate_is_brought_to_the_networks(heard, tmp_path):
    write_hums(tmp_path, ["hum_{}"], count=1, rate=16000)
    attacked = attack(heard, [str(tmp_path)], epsilon=0.01)
    assert list(attacked.inputs.names) == [str(tmp_path / "hum_0.wav")]
    assert len(attacked.raw[0]) == len(attacked.changed[0]) == 400
    assert attacked.said == [next(heard.predict([tmp_path]))["text"]]


def test_sentences_that_cannot_be_heard(heard, hum):
    with pytest.raises(InputError, match="writes no 'x', 'y', which 'xy2' has") as caught:
        attack(heard, target="xy2")
    assert caught.value.hint == "it knows '0' '1' '2'"
    with pytest.raises(InputError, match=rf"{hum}: its \d+ frames cannot hold '(00){{20}}', which needs 79") as caught:
        attack(heard, [hum], target="00" * 20)
    assert "shorter" in caught.value.hint
    with pytest.raises(InputError, match="'minimum-norm' cannot change recordings"):
        attack(heard, method="minimum-norm")


@pytest.mark.parametrize("labels", [[], [1], [1, 2], [1, 1], [2, 2, 1], [1, 1, 1]])
def test_the_fewest_steps_of_a_sentence(labels):
    needed = steps_needed(labels)
    assert any(True for _ in paths(labels, needed, 3))
    assert needed == 0 or not any(True for _ in paths(labels, needed - 1, 3))


# ---------------------------------------------------------------------------------------------------------- pictures


def test_what_is_attacked_is_what_the_task_sees(seen):
    task = seen.task
    offered = attackable(task, [], 100)
    assert isinstance(offered, Captions)
    _, items = task.part(None)
    (part,) = offered.parts
    assert offered.said([part.raw]) == [said.text for said in task.say_all(items, seen.session)]
    expected = []
    for item, pixels in zip(items, part.raw):
        rows = [torch.tensor(task.codec.encode(caption)) for caption in item.captions]
        picture = task.preparation(pixels[None])
        scores = [task.model(picture, row[None, :-1])[0].log_softmax(-1) for row in rows]
        words = [-own.gather(1, row[1:, None]).flatten() for own, row in zip(scores, rows)]
        expected.append(torch.cat(words).mean())
    torch.testing.assert_close(_losses(offered, part.raw), torch.stack(expected).detach())
    attacked = attack(seen, epsilon=16.0)
    metrics = task.measure(items, seen.session)
    told = attacked.to_dict()
    assert told["exact"] == metrics["exact"]
    assert told.get("bleu") == metrics.get("bleu")
    assert told["quantity"] == "word error rate, %"


def test_the_error_is_that_of_the_nearest_caption(seen):
    offered = attackable(seen.task, [], 1).against([["noise of two colors.", "PICTURE number 0."]])
    (part,) = offered.parts
    said = offered.said([part.raw])
    assert said == ["Noise of many colors."]
    assert offered.measured([part.raw]).tolist() == [20.0]  # one of five; the point counts
    assert offered.against_itself().measured([part.raw]).tolist() == [0.0]


def test_the_gradient_of_the_captions_goes_to_the_pixels(seen):
    _slope_is_a_difference_quotient(attackable(seen.task, [], 100).parts[0], 0.05)


def test_without_a_budget_pictures_stay(seen):
    attacked = attack(seen, method="pgd", epsilon=0.0)
    assert isinstance(attacked, AttackedSentences)
    assert all(torch.equal(new, old.float()) for new, old in zip(attacked.changed, attacked.raw))
    assert attacked.said == attacked.said_after == attacked.said_of_noise


def test_captions_are_lost_within_the_budget(seen):
    attacked = attack(seen, method={"name": "pgd", "steps": 10, "random_start": False}, epsilon=48.0)
    assert max(float(r.abs().max()) for r in attacked.added) == pytest.approx(48)
    assert all(0 <= float(new.min()) <= float(new.max()) <= 255 for new in attacked.changed)
    before, after, noise = (_losses(attacked.inputs, each) for each in (attacked.raw, attacked.changed, attacked.noisy))
    assert (after > before).all()
    assert (after > noise).all()
    assert attacked.errors_after.sum() > max(attacked.errors.sum(), attacked.errors_of_noise.sum())


def test_few_pixels(seen):
    attacked = attack(seen, method={"name": "flip", "flips": 3})
    assert all(0 < int((new != old).sum()) <= 3 for new, old in zip(attacked.changed, attacked.raw))
    before, after = (_losses(attacked.inputs, each) for each in (attacked.raw, attacked.changed))
    assert (after > before).all()
    assert "with as many random flips instead" in describe(attacked)


def test_pictures_are_described_by_the_told_caption(seen):
    target = "Picture number 2."
    attacked = attack(seen, method=TOWARDS, epsilon=64.0, target=target)
    before, after = _losses(attacked.inputs, attacked.raw), _losses(attacked.inputs, attacked.changed)
    assert (after < before).all()
    told = attacked.to_dict()
    assert told["exact"] == 0
    assert told["exact_attacked"] == sum(said == target for said in attacked.said_after) / len(attacked.raw) >= 0.5
    assert "bleu" not in told
    assert attacked.to_dict()["quantity"] == f"word error rate against '{target}', %"


def test_a_picture_of_ones_own(seen):
    _, items = seen.task.part(None)
    file = str(items[0].path)
    attacked = attack(seen, [file], method={"name": "pgd", "steps": 10}, epsilon=64.0)
    (row,) = attacked.to_dict()["inputs"]
    assert row["input"] == file
    assert row["said"] == next(seen.predict([file]))["text"]
    assert row["error"] == 0 < row["error_attacked"]
    rounded = whole_pixels(attacked.changed[0], attacked.raw[0])
    assert (rounded.float() - attacked.raw[0].float()).abs().max() <= 64
    made = page(seen, attacked).html()
    assert row["said_attacked"] in made
    assert "stands in for it" in made


def test_captions_that_cannot_be_said(seen):
    with pytest.raises(InputError, match="knows no 'Pictures', which 'Pictures number 2' has") as caught:
        attack(seen, target="Pictures number 2")
    assert "did you mean 'Picture'" in caught.value.hint
    with pytest.raises(InputError, match="has 9 words, and the network says at most 5"):
        attack(seen, target="many many many many many many many many many")


# --------------------------------------------------------------------------------------------------- the command line


def test_the_command(heard, seen, hum):
    for run in (heard, seen):
        outcome = gatefield("attack", run.folder.path, "--json")
        assert outcome.code == 0, outcome.err
        told = json.loads(outcome.out)
        assert told["split"] == run.task.part(None)[0]
        assert told["error_attacked"] >= told["error"]
    outcome = gatefield("attack", heard.folder.path, hum, "--target", "2", "--method", "pgd", "--set", "steps=3")
    assert outcome.code == 0, outcome.err
    assert "character error rate against '2', %" in outcome.out
    assert "the network writes no 'a'" in refused("attack", heard.folder.path, hum, "--target", "a")
    assert "is damaged or not an image" in refused("attack", seen.folder.path, hum)
