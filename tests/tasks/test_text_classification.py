"""Sorting texts into classes: what is learned, asked, measured beside baselines, and explained."""

from __future__ import annotations

import json

import pytest
from command_line import gatefield

from gatefield import load, train
from gatefield.core.errors import DataError
from gatefield.tasks.explaining import explain
from gatefield.tasks.given_texts import given_texts

WORDS = ["a", "the", "film", "plot", "and", "so", "it", "was", "quite", "with"]
MODEL = (
    "model={name: sequence-classifier, embedding: 8, readout: max, encoder: {name: recurrent, cell: gru, hidden: [8]}}"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Reviews whose class hangs on one word; the rest says nothing."""
    folder = tmp_path_factory.mktemp("reviews")
    lines = []
    for number in range(240):
        label, word = (("bad", "dull"), ("good", "superb"))[number % 2]
        rest = [WORDS[(number * 7 + place * 3) % len(WORDS)] for place in range(number % 5 + 2)]
        rest.insert(number % (len(rest) + 1), word)
        lines.append(f"{label}\t{' '.join(rest)} {number}")
    (folder / "reviews.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        "task: text-classification\n"
        f"data: {{name: text-lines, path: {folder / 'reviews.tsv'}}}\n"
        "minimum: 2\nbaselines: true\n"
        "training: {epochs: 8, batch_size: 16, optimizer: {name: adam, learning_rate: 0.02}}\n",
        encoding="utf-8",
    )
    return train(recipe, MODEL, out=folder / "run", report=False)


def test_the_word_that_matters_is_learned(run):
    metrics = run.evaluate()
    assert metrics["count"] == 24
    assert metrics["accuracy"] == 1
    assert metrics["baselines"]["majority"]["accuracy"] == pytest.approx(0.5)
    assert metrics["baselines"]["bag of tokens"]["accuracy"] == 1
    assert "majority: accuracy 50.00%" in run.task.describe(metrics)


def test_texts_and_files_of_texts_are_answered(run, tmp_path):
    file = tmp_path / "two.txt"
    file.write_text("it was superb\nso dull\n", encoding="utf-8")
    answers = list(load(run.folder.path).predict(["superb and so", str(file)], top=2))
    assert [answer["label"] for answer in answers] == ["good", "good", "bad"]
    assert [answer["input"] for answer in answers][1:] == [f"{file}:1", f"{file}:2"]
    assert sum(item["probability"] for item in answers[0]["top"]) == pytest.approx(1)
    outcome = gatefield("predict", run.folder.path, "superb and so", "--json")
    assert json.loads(outcome.out)["label"] == "good"


def test_unknown_words_and_an_empty_text_have_an_answer(run):
    unknown, empty = run.predict(["Zwölf Boxkämpfer", ""])
    assert {unknown["label"], empty["label"]} <= {"good", "bad"}


def test_a_byte_that_is_not_utf8_is_named():
    with pytest.raises(DataError, match="line 2: byte 3, 0xFF") as caught:
        list(given_texts([b"fine\nno\xff\n"]))
    assert caught.value.hint


def test_an_explanation_points_at_the_word(run):
    (found,) = explain(run, ["it was quite dull with the plot"], ["gradient-input", "occlusion"], target="bad")
    for each in found.maps:
        assert found.input.exhibit.tokens[int(each.heat.argmax())] == "dull", each.method


def test_the_report_tells_the_baselines_and_the_mistakes(run):
    text = run.report().read_text(encoding="utf-8")
    for wanted in ("Beside simpler methods", "bag of tokens", "Which class is taken for which", "Worst mistakes"):
        assert wanted in text
