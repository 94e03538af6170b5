"""Tagging words: by word, by letters and by context; judged by words and by entities."""

from __future__ import annotations

import json

import pytest
import torch
from command_line import gatefield

from gatefield import load, train
from gatefield.data.lettered_sentences import LetteredSentences
from gatefield.data.ragged import Ragged

NAMES = ["Ada", "Alan", "Grace", "Kurt", "Emmy", "Noam"]
LETTERS = "{embedding: 4, encoder: {name: convolution, kernel_sizes: [2], channels: 8}}"


def _sentence(number: int) -> list[tuple[str, str]]:
    """A name of one or two words begins with a capital and never twice the same; other words are few."""
    first = f"{NAMES[number % 6]}{'bcdfghk'[number % 7]}{'aeiou'[number % 5]}"
    words = [("saw", "O"), (first, "B-person")]
    if number % 3 == 0:
        words.append((f"Von{'lmnprst'[number % 7]}o", "I-person"))
    return [*words, ("in", "O"), ("town", "O")][number % 2 :]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    sentences = ("\n".join("\t".join(row) for row in _sentence(number)) for number in range(200))
    (folder / "names.conll").write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"task: tagging\ndata: {{name: conll, path: {folder / 'names.conll'}}}\nbaselines: true\nminimum: 4\n"
        f"model: {{name: tagger, embedding: 8, encoder: {{name: bidirectional, hidden: [8]}}, output: crf,"
        f" characters: {LETTERS}}}\n"
        "training: {epochs: 6, batch_size: 8, optimizer: {name: adam, learning_rate: 0.02}}\n",
        encoding="utf-8",
    )
    return train(recipe, out=folder / "run", report=False)


def test_letters_tell_names_that_were_never_seen(run):
    metrics = run.evaluate()
    assert metrics["entities"]["f1"] > 0.95
    assert metrics["accuracy"] > 0.98
    beside = metrics["baselines"]["commonest tag of the word"]
    assert beside["accuracy"] < metrics["accuracy"]
    text = run.task.describe(metrics)
    assert "entity F1" in text
    assert "person: precision" in text


def test_a_text_is_cut_and_tagged(run):
    (answer,) = load(run.folder.path).predict(["saw Adaxe in town"])
    assert answer["words"] == ["saw", "Adaxe", "in", "town"]
    assert answer["tags"] == ["O", "B-person", "O", "O"]
    assert answer["text"] == "saw/O Adaxe/B-person in/O town/O"
    outcome = gatefield("predict", run.folder.path, "saw Adaxe in town")
    assert outcome.out.strip() == "saw Adaxe in town: saw/O Adaxe/B-person in/O town/O"
    assert json.loads(gatefield("predict", run.folder.path, "", "--json").out)["tags"] == []


def test_the_rules_of_bio_are_never_broken(run):
    for text in ("Von Von Von", "town Vonlo Vonmo", "saw in town Ada"):
        (answer,) = run.predict([text])
        before = "O"
        for tag in answer["tags"]:
            assert tag != "I-person" or before in ("B-person", "I-person")
            before = tag


def test_the_report_names_the_mistakes_and_the_entities(run):
    text = run.report().read_text(encoding="utf-8")
    for wanted in ("Which tag is taken for which", "Entities", "Commonest mistakes", "Beside simpler methods"):
        assert wanted in text


def test_letters_stand_beside_their_words():
    words = Ragged.from_rows([[5, 6], [7], [8, 9, 4]])
    letters = Ragged.from_rows([[1], [2, 2], [3], [4, 4, 4], [5], [6, 6]])
    sentences = LetteredSentences(words, Ragged.from_rows([[0, 1], [0], [1, 0, 1]]), letters)
    (given, lengths, spelled), tags = sentences.batch(torch.tensor([2, 0]))
    assert given.tolist() == [[8, 9, 4], [5, 6, 0]]
    assert lengths.tolist() == [3, 2]
    assert spelled.tolist() == [[[4, 4, 4], [5, 0, 0], [6, 6, 0]], [[1, 0, 0], [2, 2, 0], [0, 0, 0]]]
    assert tags.tolist() == [[1, 0, 1], [0, 1, -100]]
    changed = LetteredSentences(words, sentences.tags, Ragged.from_rows([[1], [2, 2], [3], [4, 4, 4], [5], [6, 7]]))
    assert changed.fingerprint() != sentences.fingerprint()
