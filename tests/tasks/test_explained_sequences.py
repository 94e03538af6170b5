"""Runs on sequences explained: a tag by the words, a digit by the moments of its sound, a forecast by its past."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random

import pytest
import torch
from command_line import gatefield, refused

from gatefield import load, train
from gatefield.core.errors import InputError
from gatefield.explain.integrated_gradients import IntegratedGradients
from gatefield.functional.crf import marginals
from gatefield.tasks.back_test import NETWORK
from gatefield.tasks.explaining import explain, explainable, page, write
from gatefield.tasks.forecasting import Forecasting
from gatefield.tasks.language_modelling import LanguageModelling
from gatefield.tasks.sound_classification import SoundClassification
from gatefield.tasks.text_classification import TextClassification
from gatefield.tasks.translation import Translation

TRAINING = "training: {epochs: 12, batch_size: 8, optimizer: {name: adam, learning_rate: 0.02}}\n"


def _sentence(source: random.Random) -> list[tuple[str, str]]:
    """'it' is what stands before it: after "go" an A, after "stay" a B; all else is an O."""
    words = [("and", "O")] * source.randrange(3)
    for _ in range(2):
        before, tag = source.choice([("go", "A"), ("stay", "B")])
        words += [(before, "O"), ("it", tag)] + [("and", "O")] * source.randrange(2)
    return words


def _tagging(folder, model: str, sentences) -> object:
    (folder / "data.conll").write_text(
        "\n\n".join("\n".join("\t".join(row) for row in sentence) for sentence in sentences) + "\n", encoding="utf-8"
    )
    recipe = folder / "recipe.yaml"
    head = f"task: tagging\ndata: {{name: conll, path: {folder / 'data.conll'}, scheme: any}}\nminimum: 1\n"
    recipe.write_text(f"{head}model: {{name: tagger, embedding: 8, {model}}}\n{TRAINING}", encoding="utf-8")
    return train(recipe, out=folder / "run", report=False)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory):
    source = random.Random(0)
    sentences = [_sentence(source) for _ in range(150)]
    run = _tagging(tmp_path_factory.mktemp("tags"), "encoder: {name: bidirectional, hidden: [8]}", sentences)
    assert run.evaluate()["accuracy"] == 1  # else there is nothing to explain
    return run


@pytest.fixture(scope="module")
def spelled(tmp_path_factory):
    """A CRF that reads letters: names begin with a capital, and never twice the same."""
    names = ("".join(letters) for letters in itertools.product("ABCDE", "aeiou", "lmnr"))
    sentences = [[("saw", "O"), (name, "B-person"), ("in", "O"), ("town", "O")] for name in names]
    characters = "{embedding: 4, encoder: {name: convolution, kernel_sizes: [2], channels: 8}}"
    model = f"encoder: {{name: recurrent, hidden: [8]}}, output: crf, characters: {characters}"
    return _tagging(tmp_path_factory.mktemp("letters"), model, sentences)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each of these tasks' samples, by name."""

    def sample(task):
        folder = tmp_path_factory.mktemp(task.name)
        (folder / "data").mkdir()
        return train(task.sample(folder / "data"), out=folder / "run", report=False)

    tasks = (SoundClassification, Forecasting, LanguageModelling, TextClassification)
    return {task.name: sample(task) for task in tasks}


# ----------------------------------------------------------------------------------------------------------------- tags


@pytest.mark.parametrize("method", ["occlusion", "integrated-gradients", "gradient", "gradient-input", "smooth-grad"])
def test_the_word_that_decides_a_tag_is_found(tagger, method):
    """Beside the word itself, the one before it counts most; of saturated gates a plain gradient may say little."""
    places = {3: ("A", 1), 6: ("B", 4)} if method in ("occlusion", "integrated-gradients") else {3: ("A", 1)}
    for position, (tag, decides) in places.items():
        (explanation,) = explain(tagger, ["and go it and stay it"], [method], position=position)
        assert explanation.answer.label == explanation.answer.target == tag
        assert explanation.answer.probability > 0.9
        heat = explanation.maps[0].heat
        assert heat.shape == (6,)
        heat[position - 1] = -torch.inf
        assert int(heat.argmax()) == decides


def test_without_a_position_every_word_is_explained(tagger, tmp_path):
    explanations = list(explain(tagger, ["go it and"], ["occlusion"]))
    assert [each.answer.label for each in explanations] == ["O", "A", "O"]
    told = [each.to_dict() for each in explanations]
    assert [(row["position"], row["at"], row["target"]) for row in told] == [
        (1, "go", "O"),
        (2, "it", "A"),
        (3, "and", "O"),
    ]
    assert told[1]["maps"][0]["heat"] == explanations[1].maps[0].heat.tolist()
    text = page(tagger, explanations).html()
    assert text.count("<svg") == 1  # one map of all
    assert all(row in text for row in ("go: O", "it: A", "and: O"))
    write(tagger, explanations, tmp_path / "why.png")
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")


def test_a_tag_that_was_not_given_can_be_asked_about(tagger):
    (mine,) = explain(tagger, ["go it"], ["integrated-gradients"], target="B", position=2)
    assert (mine.answer.label, mine.answer.target) == ("A", "B")
    assert mine.answer.probability < 0.1
    assert mine.maps[0].heat[0] < 0  # "go" speaks against it
    assert "Its answer is A" in mine.answer.sentence


def test_a_tagger_that_reads_letters_counts_what_they_tell(spelled):
    task = spelled.task
    offered = task.explainable(["saw Belaro in town"])
    (given,) = offered.inputs
    words, lengths, letters = task.reading(next(task.given(["saw Belaro in town"]))).inputs
    with torch.no_grad():
        chain, wanted = offered.model(*given.inputs), task.model(words, lengths, letters)
    assert torch.equal(chain.emissions, wanted.emissions)
    assert not any(module._forward_hooks for module in task.model.modules())
    explanations = list(explain(spelled, ["saw Belaro in town"], ["integrated-gradients"]))
    assert [each.answer.label for each in explanations] == ["O", "B-person", "O", "O"]
    vectors, *rest = given.inputs
    with torch.no_grad():
        nothing = offered.model(torch.zeros_like(vectors), *rest)
    for at, explanation in enumerate(explanations):
        tag = task.tags.index(explanation.answer.target)
        difference = float(wanted.emissions[0, at, tag] - nothing.emissions[0, at, tag])
        assert float(explanation.maps[0].heat.sum()) == pytest.approx(difference, abs=2e-3 * max(1, abs(difference)))
        assert explanation.answer.probability == pytest.approx(float(marginals(wanted)[0, at, tag]))
    assert "before the CRF" in page(spelled, explanations).html()


# ---------------------------------------------------------------------------------------------------------------- sound


def test_a_sound_is_explained_by_its_frames(runs, tmp_path):
    run = runs["sound-classification"]
    files = sorted(_data(run).glob("*.wav"))[:2]
    explanations = list(explain(run, files, ["integrated-gradients", "occlusion", "gradient"]))
    answers = list(run.predict([str(file) for file in files]))
    features = run.task.features
    for explanation, answer, recording in zip(explanations, answers, run.task.given(files)):
        assert explanation.answer.label == answer["label"]
        assert explanation.answer.probability == pytest.approx(answer["probability"], rel=1e-5)
        x = features.frames(recording)[None]
        inputs = (x, torch.tensor([x.shape[1]]))
        wanted = IntegratedGradients().attribute(run.task.model, inputs, run.task.classes.index(answer["label"]))
        integrated, occluded, gradient = (each.heat for each in explanation.maps)
        assert len(integrated) == features.count(recording)
        torch.testing.assert_close(integrated, wanted[0].sum(1))
        assert (gradient >= 0).all()
        covered = x.clone()
        covered[:, : max(x.shape[1] // 8, 1)] = 0
        with torch.no_grad():
            target = run.task.classes.index(answer["label"])
            lost = run.task.model(*inputs)[0, target] - run.task.model(covered, inputs[1])[0, target]
        assert float(occluded[0]) == pytest.approx(float(lost), abs=1e-6)  # the first frame lies in one window
        (seconds,) = explanation.to_dict()["maps"][0]["peak"]
        assert seconds == pytest.approx(int(integrated.argmax()) * features.hop + features.window / 2)
    assert "seconds" in page(run, explanations).html()


def _data(run):
    return run.folder.path.parent / "data"


# ------------------------------------------------------------------------------------------------------------ forecasts


def test_covering_a_lag_is_forecasting_without_it(runs):
    """The oracle is the forecaster itself, given the series with its training mean in place of one value."""
    run = runs["forecasting"]
    trained = run.task.trained
    tail, mean = trained.tail, torch.tensor(trained.frame.scaling.arguments["mean"])
    for lag, ahead in ((1, 1), (2, 3), (7, 2)):
        (explanation,) = explain(run, [], ["occlusion"], position=ahead)
        values = tail.values.clone()
        values[-lag] = mean
        without = trained.outlook(dataclasses.replace(tail, values=values)).forecasts[NETWORK].point[ahead - 1, 0]
        whole = trained.outlook().forecasts[NETWORK].point[ahead - 1, 0]
        assert explanation.answer.label == f"{float(whole):.6g}"
        heat = explanation.maps[0].heat
        assert heat.shape == (trained.window,)
        assert float(heat[-lag]) == pytest.approx(float(whole - without), rel=1e-3, abs=1e-3)


def test_contributions_sum_to_the_forecast_less_that_of_means(runs):
    run = runs["forecasting"]
    trained = run.task.trained
    values = trained.tail.values.clone()
    values[:] = torch.tensor(trained.frame.scaling.arguments["mean"])
    flat = trained.outlook(dataclasses.replace(trained.tail, values=values)).forecasts[NETWORK].point
    whole = trained.outlook().forecasts[NETWORK].point
    explanations = list(explain(run, []))  # integrated gradients, every step ahead
    assert len(explanations) == trained.horizon
    for ahead, explanation in enumerate(explanations):
        total = float(explanation.maps[0].heat.sum())
        assert total == pytest.approx(float(whole[ahead, 0] - flat[ahead, 0]), rel=5e-3, abs=5e-3)
    text = page(run, explanations).html()
    assert "units of the series" in text
    assert "2011-01-01" in text
    assert explanations[0].to_dict()["maps"][0]["peak"]["lag"] in range(1, trained.window + 1)


def test_several_series_and_covariates_are_told_apart(tmp_path):
    """y follows the step of x before; of the columns only x counts for y."""
    source = torch.Generator().manual_seed(0)
    x = torch.randn(201, generator=source)
    rows = [f"{float(a)},{float(b)},{day % 7}" for day, (a, b) in enumerate(zip(x[1:], x[:-1]))]
    (tmp_path / "two.csv").write_text("x,y,day\n" + "\n".join([*rows, ",,3"]) + "\n")
    recipe = tmp_path / "recipe.yaml"
    data = f"{{name: csv-series, path: {tmp_path / 'two.csv'}, columns: [x, y], covariates: [day]}}"
    recipe.write_text(
        f"task: forecasting\ndata: {data}\nwindow: 6\nhorizon: 1\nlevel: none\nseason: 7\n"
        "model: {name: forecaster, encoder: {name: recurrent, cell: gru, hidden: [8]}}\n"
        "training: {epochs: 25, batch_size: 16, optimizer: {name: adam, learning_rate: 0.02}}\n"
    )
    run = train(recipe, out=tmp_path / "run", report=False)
    (explanation,) = explain(run, [], ["integrated-gradients"], target="y")
    heat = explanation.maps[0].heat
    assert explanation.answer.target == "y"
    assert heat.shape == (6, 3)
    peak = explanation.to_dict()["maps"][0]["peak"]
    assert peak == {"lag": 1, "column": "x"}
    assert "y" in page(run, [explanation]).html()


# -------------------------------------------------------------------------------------------------- language, sentiment


def test_what_follows_a_text_is_explained_symbol_by_symbol(runs):
    run = runs["language-modelling"]
    (explanation,) = explain(run, ["12 sheep"])
    (answer,) = run.predict(["12 sheep"])
    assert explanation.answer.label == answer["next"][0]["label"]
    assert explanation.answer.probability == pytest.approx(answer["next"][0]["probability"], rel=1e-5)
    assert len(explanation.maps[0].heat) == len("12 sheep") + 1  # and the begin symbol
    (earlier,) = explain(run, ["12 sheep"], position=4, target="s")
    assert earlier.answer.probability == pytest.approx(_said(run, "12 sheep", 3, "s"), rel=1e-4)
    assert not earlier.maps[0].heat[4:].any()  # what comes later cannot count


def _said(run, text: str, place: int, symbol: str) -> float:
    (answer,) = run.predict([text])
    assert answer["symbols"][place]["symbol"] == symbol
    return float(torch.tensor(answer["symbols"][place]["log_probability"]).exp())


def test_compare_leaves_out_what_is_not_defined_and_says_so(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = gatefield("explain", runs["text-classification"].folder.path, "it is good", "--compare", "--json")
    assert outcome.code == 0, outcome.err
    methods = {each["method"] for each in json.loads(outcome.out)["maps"]}
    assert {"gradient", "gradient-input", "integrated-gradients", "smooth-grad", "occlusion", "grad-cam"} <= methods
    assert "guided-backpropagation is left out" in outcome.err
    assert (tmp_path / "explain.html").read_text().count("<svg") == len(methods)


# ------------------------------------------------------------------------------------------------------------- refusals


def test_positions_and_targets_that_are_not_there(runs, tagger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tagger.folder.path
    for wrong in (0, 4, -1):
        message = refused("explain", path, "go it and", "--position", wrong)
        assert f"has no position {wrong}" in message
        assert "from 1, 'go', to 3, 'and'" in message
    assert "no tag 'AA'" in refused("explain", path, "go it", "--target", "AA")
    forecast = runs["forecasting"].folder.path
    assert "no position 4" in refused("explain", forecast, "--position", 4)
    assert "'2011-03-01'" in refused("explain", forecast, "--position", 4)
    assert "did you mean 'sales'" in refused("explain", forecast, "--target", "sale")
    texts = runs["text-classification"].folder.path
    assert "gives one answer" in refused("explain", texts, "it is good", "--position", 1)
    assert "no symbol '¶'" in refused("explain", runs["language-modelling"].folder.path, "a", "--target", "¶")
    assert not list(tmp_path.iterdir())


def test_layers_inputs_and_tasks_that_cannot_be(runs, tagger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tagger.folder.path
    message = refused("explain", path, "go it", "--method", "grad-cam", "--layer", "encoder.layr")
    assert "no layer 'encoder.layr'" in message
    assert "encoder.layer" in message.split("hint:")[1]
    assert "leave the layer out" in refused("explain", path, "go it", "--layer", "encoder.layer")
    assert "there is no word" in refused("explain", path, " ")
    assert "nothing to explain" in refused("explain", path)
    assert "nothing to explain" in refused("explain", runs["text-classification"].folder.path)
    with monkeypatch.context() as patched:
        patched.delattr(Translation, "explainable")
        with pytest.raises(InputError, match="'translation' cannot be explained") as caught:
            explainable(Translation.sample(tmp_path), [])
    assert "tagging" in caught.value.hint
    assert "forecasting" in caught.value.hint
    explanations = list(explain(tagger, ["go it"], ["gradient", "occlusion"], position=1))
    with pytest.raises(InputError, match="there are 2") as caught:
        write(tagger, explanations, tmp_path / "why.png")
    assert ".html" in caught.value.hint
    short = tmp_path / "short.csv"
    short.write_text("date,sales\n2011-01-01,3\n2011-02-01,4\n")
    assert refused("explain", runs["forecasting"].folder.path, short)
    assert not list(tmp_path.glob("*.html"))


def test_loading_changes_no_explanation(tagger):
    fresh = load(tagger.folder.path)
    for one, other in zip(explain(tagger, ["go it"]), explain(fresh, ["go it"]), strict=True):
        torch.testing.assert_close(one.maps[0].heat, other.maps[0].heat)
