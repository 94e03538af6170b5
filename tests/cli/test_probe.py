"""``gatefield probe``: a row a question, the same as JSON, and whom it refuses."""

from __future__ import annotations

import json

import pytest
from command_line import gatefield, refused


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of words that agree, and one of characters; hardly trained."""
    folder = tmp_path_factory.mktemp("probed")
    for name, data, tokens in (
        ("words", "{name: agreement, count: 200}", "whitespace"),
        ("letters", "{name: agreement, count: 40}", "characters"),
    ):
        (folder / f"{name}.yaml").write_text(
            f"task: language-modelling\ndata: {data}\ntokens: {tokens}\n"
            "model: {name: language-model, embedding: 4, encoder: {name: recurrent, hidden: [4]}}\n"
            "training: {epochs: 1, batch_size: 4}\n",
            encoding="utf-8",
        )  # fmt: skip
        assert gatefield("train", folder / f"{name}.yaml", "--out", folder / name).code == 0
    return folder


def test_a_row_a_question(folder):
    outcome = gatefield("probe", folder / "words")
    assert outcome.code == 0
    rows = outcome.out.splitlines()
    assert [row.split("  ")[0] for row in rows[:4]] == [f"agreement, {k} nouns between" for k in range(4)]
    assert all(" of 200 " in row for row in rows[:4])
    assert "words it writes" not in outcome.out


def test_json(folder):
    answer = json.loads(gatefield("probe", folder / "letters", "--sample", 50, "--json").out)
    assert set(answer) == {"contrasts", "words"}
    assert set(answer["words"]) == {"count", "known"}
    assert all(0 <= row["right"] <= 1 for row in answer["contrasts"])
    assert json.loads(gatefield("probe", folder / "letters", "--sample", 0, "--json").out)["words"] is None


def test_other_runs_are_refused(tmp_path):
    (tmp_path / "pairs.txt").write_text("a b\tb a\nb\ta\n" * 10, encoding="utf-8")
    (tmp_path / "small.yaml").write_text(
        f"task: translation\ndata: {{name: pair-lines, path: {tmp_path / 'pairs.txt'}}}\n"
        "model: {name: encoder-decoder, embedding: 4, hidden: 4}\ntraining: {epochs: 1}\n",
        encoding="utf-8",
    )
    assert gatefield("train", tmp_path / "small.yaml", "--out", tmp_path / "run").code == 0
    assert "translation, which models no language" in refused("probe", tmp_path / "run")
