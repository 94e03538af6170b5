"""Sounds and texts under attack, through the task, the page and the command line."""

from __future__ import annotations

import io
import json
import pathlib
import types

import pytest
import torch
from command_line import trained_sample

from gatefield import load
from gatefield.cli.main import run
from gatefield.core.console import Console
from gatefield.core.errors import ArgumentError, InputError
from gatefield.data.corpus import Recording
from gatefield.data.sound_files import read_sound
from gatefield.explain.attacks.fgsm import FGSM
from gatefield.explain.attacks.ragged_victim import RaggedVictim
from gatefield.tasks.attacked.sounds import STEP, Sounds
from gatefield.tasks.attacked.texts import Texts
from gatefield.tasks.attacking import attack, attackable
from gatefield.tasks.attacking_page import describe, page
from gatefield.tasks.sound_classification import SoundClassification
from gatefield.tasks.text_classification import TextClassification


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return trained_sample(tmp_path_factory, SoundClassification)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return trained_sample(tmp_path_factory, TextClassification)


def _recording(run):
    """A file of the run's own data."""
    _, items = run.task.part(None)
    return items[0].place


# ------------------------------------------------------------------------------------------------------------ sounds


def test_what_is_attacked_is_what_predict_hears(sounds):
    offered = attackable(sounds.task, [], 100)
    assert isinstance(offered, Sounds)
    _, items = sounds.task.part(None)
    expected = sounds.task.objective(sounds.task.model).probabilities(sounds.task.outputs(items, sounds.session))
    for part in offered.parts:
        found = part.victim.probabilities(part.raw)
        torch.testing.assert_close(found, expected[part.indices], atol=1e-6, rtol=1e-5)
    assert sorted(index for part in offered.parts for index in part.indices.tolist()) == list(range(len(items)))


def test_the_gradient_goes_through_the_features_to_the_samples(sounds):
    """Against a difference quotient of the loss along the gradient itself."""
    offered = attackable(sounds.task, [], 100)
    part = offered.parts[0]
    victim, raw = part.victim, part.raw
    labels = offered.labels[part.indices]
    slope = victim.loss_gradient(raw, labels)
    assert isinstance(victim, RaggedVictim)
    assert torch.equal(victim.inside(slope), slope)
    assert slope.abs().amax(1).gt(0).all()
    step = 1e-5 * slope / slope.norm()  # logarithms of quiet bands bend soon
    ahead, behind = (victim.criterion.loss(victim.outputs(raw + sign * step), labels) for sign in (1, -1))
    assert float(ahead - behind) / 2e-5 == pytest.approx(float(slope.norm()), rel=0.02)


def test_without_a_budget_nothing_changes(sounds):
    attacked = attack(sounds, method="fgsm", epsilon=0.0)
    assert all(torch.equal(new, old) for new, old in zip(attacked.changed, attacked.raw))
    assert torch.equal(attacked.answers.probability, attacked.answers_after.probability)
    assert attacked.decibels is None
    assert not attacked.fooled.any()


@pytest.mark.parametrize("method", ["fgsm", {"name": "pgd", "steps": 3}])
def test_budgets_are_of_full_scale_and_told_in_decibels(sounds, method):
    attacked = attack(sounds, method=method, epsilon=0.01)
    _, items = sounds.task.part(None)
    assert [len(new) for new in attacked.changed] == [len(item.samples) for item in items]
    assert max(float(r.abs().max()) for r in attacked.added) == pytest.approx(0.01, rel=1e-3)
    levels = [20 * torch.log10(0.01 / item.samples.abs().max()) for item in items]
    assert attacked.decibels == pytest.approx(float(torch.stack(levels).quantile(0.5)), abs=0.1)
    content = attacked.to_dict()
    assert content["largest_change"] == pytest.approx(0.01, rel=1e-3)
    assert [point["epsilon"] for point in content["curve"]] == [0, 0.0025, 0.005, 0.01, 0.02]
    assert content["curve"][0]["accuracy"] == content["accuracy"]
    assert content["curve"][3]["accuracy"] == content["accuracy_attacked"]


def test_rounded_changes_are_steps_of_16_bits_within_the_budget(sounds):
    offered = attackable(sounds.task, [], 100)
    part = offered.parts[0]
    raw = (part.raw / STEP).round() * STEP  # as a file holds it
    changed = FGSM(0.0101)(part.victim, raw, offered.labels[part.indices])
    rounded = offered.rounded(changed, raw)
    steps = rounded / STEP
    assert torch.equal(steps, steps.round())
    assert (rounded - raw).abs().max() <= (changed - raw).abs().max()
    assert (rounded - changed).abs().max() < STEP


def test_files_are_attacked_towards_a_class(sounds):
    place = _recording(sounds)
    before = next(sounds.predict([place], top=2))
    target = before["top"][1]["label"]
    attacked = attack(sounds, [place], {"name": "pgd", "random_start": False}, epsilon=1e-4, target=target)
    (row,) = attacked.to_dict()["inputs"]
    assert row["input"] == place
    assert row["label"] == before["label"]
    assert row["probability"] == pytest.approx(before["probability"], abs=1e-5)
    assert attacked.curve is None
    samples, rate = read_sound(pathlib.Path(place))
    torch.testing.assert_close(attacked.raw[0], samples)
    changed = Recording(attacked.changed[0], rate, "", "", "")
    probabilities = sounds.task.objective(sounds.task.model).probabilities(
        sounds.task.outputs([Recording(samples, rate, "", "", ""), changed], sounds.session)
    )
    number = sounds.task.classes.index(target)
    assert probabilities[1, number] > probabilities[0, number]
    assert row["attacked"] == sounds.task.classes[int(probabilities[1].argmax())]
    assert row["attacked_probability"] == pytest.approx(float(probabilities[1].max()), abs=1e-5)
    made = page(sounds, attacked).html()
    assert "mere noise" in made
    assert attacked.answer(attacked.answers_after, 0) in made


# ------------------------------------------------------------------------------------------------------------- texts


def test_texts_are_attacked_word_by_word(texts):
    attacked = attack(texts, method={"name": "hot-flip", "replacements": 3})
    offered = attacked.inputs
    assert isinstance(offered, Texts)
    _, items = texts.task.part(None)
    assert list(offered.names) == [item.place for item in items]
    for before, after, replaced in zip(attacked.before, attacked.after, attacked.replaced.tolist()):
        assert len(before) == len(after)
        assert sum(old != new for old, new in zip(before, after)) == replaced <= 3
    said = texts.task.outputs(items, texts.session).argmax(1)
    assert torch.equal(attacked.answers.label, said)
    changed = [item._replace(text=" ".join(after)) for item, after in zip(items, attacked.after)]
    assert torch.equal(attacked.answers_after.label, texts.task.outputs(changed, texts.session).argmax(1))
    content = attacked.to_dict()
    assert [point["replacements"] for point in content["curve"]] == [0, 1, 2, 3]
    assert content["curve"][0]["accuracy"] == content["curve"][0]["accuracy_of_noise"] == content["accuracy"]
    assert content["curve"][3]["accuracy"] == content["accuracy_attacked"] < content["accuracy"]
    assert all(a["accuracy"] >= b["accuracy"] for a, b in zip(content["curve"], content["curve"][1:]))


def test_no_replacement_no_change(texts):
    attacked = attack(texts, method={"name": "hot-flip", "replacements": 0})
    assert list(map(list, attacked.before)) == attacked.after
    assert torch.equal(attacked.answers.probability, attacked.answers_after.probability)
    assert "accuracy" in describe(attacked)


def test_a_text_of_ones_own(texts):
    _, items = texts.task.part(None)
    text = items[0].text
    attacked = attack(texts, [text])
    (row,) = attacked.to_dict()["inputs"]
    assert row["label"] == next(texts.predict([text]))["label"]
    assert row["input"] == text
    made = page(texts, attacked).html()
    assert "Before and after" in made
    for old, new in zip(attacked.before[0], attacked.after[0]):
        if old != new:
            assert f"{old} → {new}" in made


# ----------------------------------------------------------------------------------------------------- what is refused


def test_what_cannot_be(sounds, texts):
    with pytest.raises(InputError, match="'hot-flip' cannot change recordings") as caught:
        attack(sounds, method="hot-flip")
    assert "fgsm" in caught.value.hint
    with pytest.raises(InputError, match="'fgsm' cannot change texts"):
        attack(texts, method="fgsm")
    with pytest.raises(ArgumentError, match="number of replacements: it has no epsilon"):
        attack(texts, epsilon=3)
    with pytest.raises(ArgumentError, match="twice"):
        attack(sounds, method={"name": "fgsm", "epsilon": 0.1}, epsilon=0.2)
    with pytest.raises(ArgumentError, match="no argument 'step_count'"):
        attack(sounds, method={"name": "pgd", "step_count": 3})
    with pytest.raises(InputError, match="networks of the task 'dreaming' cannot be attacked") as caught:
        attackable(types.SimpleNamespace(name="dreaming"), [], 1)
    for able in ("image-classification", "sound-classification", "tagging", "text-classification"):
        assert able in caught.value.hint


def test_the_command(sounds, texts, tmp_path, monkeypatch):
    def call(*arguments):
        out, err = io.StringIO(), io.StringIO()
        code = run([str(each) for each in arguments], Console(stdout=out, stderr=err))
        return code, out.getvalue(), err.getvalue()

    monkeypatch.chdir(tmp_path)
    for loaded in (sounds, texts):
        code, out, err = call("attack", loaded.folder.path, "--json", "--out", f"{loaded.task.name}.html")
        assert code == 0, err
        told = json.loads(out)
        assert told["accuracy_attacked"] <= told["accuracy"]
        assert (tmp_path / f"{loaded.task.name}.html").stat().st_size > 5000
    code, out, err = call("attack", texts.folder.path, "--set", "replacements=1", "--json")
    assert code == 0, err
    told = json.loads(out)["attack"]
    assert told == {"name": "hot-flip", "replacements": 1, "similarity": -1.0, "candidates": 1}
    code, _, err = call("attack", texts.folder.path, "--set", "replacemnts=1")
    assert code == 2
    assert "--set" not in err
    assert "did you mean 'replacements'" in err
    code, _, err = call("attack", sounds.folder.path, "--method", "pgd", "--set", "steps=0")
    assert code == 2
    assert "command line, steps=0: 0 is outside" in err
    assert call("attack", sounds.folder.path, "--set", "name=pgd")[0] == 2
    assert load(sounds.folder.path).task.classes == sounds.task.classes
