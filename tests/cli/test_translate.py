"""``gatefield translate``: a line a text, n best with scores, a picture of attention."""

from __future__ import annotations

import io
import json
import pathlib
import sys

import pytest
from command_line import gatefield, refused


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> pathlib.Path:
    """A translator that has seen a few pairs often."""
    folder = tmp_path_factory.mktemp("pairs")
    pairs = [("ein Hund", "a dog"), ("eine Katze", "a cat"), ("zwei Hunde", "two dogs"), ("zwei Katzen", "two cats")]
    (folder / "pairs.txt").write_text("".join(f"{source}\t{target}\n" for source, target in pairs * 20))
    (folder / "small.yaml").write_text(
        "task: translation\n"
        f"data: {{name: pair-lines, path: {folder / 'pairs.txt'}, test: {folder / 'pairs.txt'}}}\n"
        "model: {name: encoder-decoder, embedding: 8, hidden: 16}\n"
        "validation: 0\n"
        "training: {epochs: 10, batch_size: 8, optimizer: {name: adam, learning_rate: 0.02}}\n",
        encoding="utf-8",
    )
    outcome = gatefield("train", folder / "small.yaml", "--out", folder / "run")
    assert outcome.code == 0, outcome.err
    return folder / "run"


def test_a_line_a_text(run):
    outcome = gatefield("translate", run, "ein Hund", "zwei Katzen")
    assert (outcome.code, outcome.out, outcome.err) == (0, "a dog\ntwo cats\n", "")
    assert gatefield("translate", run, "ein Hund", "zwei Katzen", "--beam", 1).out == outcome.out


def test_files_and_stdin(run, tmp_path, monkeypatch):
    (tmp_path / "text.de").write_text("eine Katze\n\nzwei Hunde\n", encoding="utf-8")
    lines = gatefield("translate", run, tmp_path / "text.de").out.split("\n")
    assert (lines[0], lines[2], len(lines)) == ("a cat", "two dogs", 4)  # an empty line has an answer of its own
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"zwei Hunde\nein Hund\n")))
    assert gatefield("translate", run, "-").out == "two dogs\na dog\n"


def test_n_best(run):
    rows = [line.split("\t") for line in gatefield("translate", run, "ein Hund", "--n-best", 3).out.splitlines()]
    assert rows[0][1] == "a dog"
    scores = [float(score) for score, _ in rows]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert len({text for _, text in rows}) == 3


def test_phrases_that_must_be_said(run):
    outcome = gatefield("translate", run, "ein Hund", "zwei Katzen", "--must-contain", "cats", "--must-contain", "two")
    assert outcome.code == 0
    assert all({"cats", "two"} <= set(line.split()) for line in outcome.out.splitlines())
    assert "'wolf', which the network does not know" in refused("translate", run, "ein Hund", "--must-contain", "wolf")


def test_json(run):
    answer = json.loads(gatefield("translate", run, "ein Wolf", "--json", "--n-best", 2).out)
    assert set(answer) == {"input", "source", "text", "hypotheses", "unknown"}
    assert answer["unknown"] == ["Wolf"]
    assert set(answer["hypotheses"][0]) == {"text", "symbols", "score", "log_probability", "finished"}
    assert len(answer["hypotheses"]) == 2


def test_unknown_words_are_named(run):
    outcome = gatefield("translate", run, "ein Wolf")
    assert outcome.code == 0
    assert "does not know 'Wolf'" in outcome.err


def test_attention_as_a_picture(run, tmp_path):
    picture = tmp_path / "looked.png"
    outcome = gatefield("translate", run, "ein Hund", "--attention", picture)
    assert (outcome.code, outcome.out) == (0, "a dog\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "is there already" in refused("translate", run, "ein Hund", "--attention", picture)
    assert "draws one text, and 2" in refused("translate", run, "a", "b", "--attention", tmp_path / "other.png")
    assert "does not end in .png" in refused("translate", run, "a", "--attention", tmp_path / "other.gif")
    assert not (tmp_path / "other.png").exists()


def test_the_tree_of_the_search_as_a_picture(run, tmp_path):
    picture = tmp_path / "searched.png"
    outcome = gatefield("translate", run, "ein Hund", "--beam", 2, "--tree", picture)
    assert (outcome.code, outcome.out) == (0, "a dog\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "is there already" in refused("translate", run, "ein Hund", "--tree", picture)
    assert "--tree draws one text, and 2" in refused("translate", run, "a", "b", "--tree", tmp_path / "other.png")
    both = ("--tree", tmp_path / "other.png", "--attention", tmp_path / "other.png")
    assert "name the same file" in refused("translate", run, "ein Hund", *both)
    assert not (tmp_path / "other.png").exists()


def test_what_is_refused(run, tmp_path):
    assert "a beam of 2 cannot find 3" in refused("translate", run, "ein Hund", "--beam", 2, "--n-best", 3)
    assert "--beam" in refused("translate", run, "ein Hund", "--beam", 0)
    assert "TEXT" in refused("translate", run)
    (tmp_path / "bad.txt").write_bytes(b"ein Hund\n\xff\xfe\n")
    assert "bad.txt:2" in refused("translate", run, tmp_path / "bad.txt")


def test_other_runs_are_refused(tmp_path):
    (tmp_path / "text.txt").write_text("The cat sat on the mat.\n" * 60, encoding="utf-8")
    (tmp_path / "small.yaml").write_text(
        "task: language-modelling\n"
        f"data: {{name: text-file, path: {tmp_path / 'text.txt'}}}\n"
        "model: {name: language-model, embedding: 4, encoder: {name: recurrent, hidden: [4]}}\n"
        "training: {epochs: 1, batch_size: 4}\n",
        encoding="utf-8",
    )
    assert gatefield("train", tmp_path / "small.yaml", "--out", tmp_path / "run").code == 0
    assert "language-modelling, which does not translate" in refused("translate", tmp_path / "run", "a")
