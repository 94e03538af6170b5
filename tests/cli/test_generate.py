"""``gatefield generate``: a text on stdout, the same for the same seed, and options that exclude each other."""

from __future__ import annotations

import json
import pathlib

import pytest
from command_line import gatefield, refused


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> pathlib.Path:
    """A character model that has seen a line often, but not long."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "text.txt").write_text("The cat sat on the mat.\n" * 60, encoding="utf-8")
    (folder / "small.yaml").write_text(
        "task: language-modelling\n"
        f"data: {{name: text-file, path: {folder / 'text.txt'}}}\n"
        "model: {name: language-model, embedding: 8, encoder: {name: recurrent, hidden: [16]}}\n"
        "steps: 16\n"
        "training: {epochs: 3, batch_size: 4}\n",
        encoding="utf-8",
    )
    outcome = gatefield("train", folder / "small.yaml", "--out", folder / "run")
    assert outcome.code == 0, outcome.err
    return folder / "run"


def test_goes_on_with_the_prompt(run):
    outcome = gatefield("generate", run, "--prompt", "The cat", "--length", 30)
    assert outcome.code == 0
    assert outcome.out.startswith("The cat")
    assert len(outcome.out) == len("The cat") + 30 + 1
    assert gatefield("generate", run, "--prompt", "The cat", "--length", 30, "--seed", 0).out == outcome.out
    assert gatefield("generate", run, "--prompt", "The cat", "--length", 30, "--seed", 1).out != outcome.out


def test_what_is_told_as_it_is_made_is_what_json_says(run):
    arguments = ("generate", run, "--prompt", "On", "--length", 25, "--temperature", 0.7, "--seed", 5)
    answer = json.loads(gatefield(*arguments, "--json").out)
    assert set(answer) == {"prompt", "text", "symbols", "log_probability", "finished", "unknown"}
    assert gatefield(*arguments).out == "On" + answer["text"] + "\n"
    assert answer["log_probability"] < 0


def test_the_tree_of_the_search_as_a_picture(run, tmp_path):
    picture = tmp_path / "searched.png"
    arguments = ("generate", run, "--prompt", "The", "--length", 6, "--beam", 3)
    outcome = gatefield(*arguments, "--tree", picture)
    assert (outcome.code, outcome.out) == (0, gatefield(*arguments).out)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "only a beam grows a tree" in refused("generate", run, "--tree", tmp_path / "other.png")
    long = ("generate", run, "--length", 300, "--beam", 3, "--tree", tmp_path / "other.png")
    assert "cannot be drawn" in refused(*long)
    assert not (tmp_path / "other.png").exists()


def test_several_texts(run):
    outcome = gatefield("generate", run, "--length", 10, "--count", 3, "--json")
    texts = [json.loads(line)["text"] for line in outcome.out.splitlines()]
    assert len(set(texts)) == 3
    plain = gatefield("generate", run, "--length", 10, "--count", 3)
    assert plain.out == "".join(text + "\n" for text in texts)
    assert plain.err.count("of 3") == 3


def test_zero_temperature_is_the_likeliest_symbol_each_time(run):
    greedy = gatefield("generate", run, "--length", 15, "--temperature", 0)
    assert greedy.out == gatefield("generate", run, "--length", 15, "--top-k", 1).out
    beam = json.loads(gatefield("generate", run, "--length", 15, "--beam", 4, "--json").out)
    alone = json.loads(gatefield("generate", run, "--length", 15, "--temperature", 0, "--json").out)
    assert beam["log_probability"] >= alone["log_probability"] - 1e-6


def test_unknown_symbols_of_the_prompt_are_named(run):
    outcome = gatefield("generate", run, "--prompt", "The ñandú", "--length", 5)
    assert outcome.code == 0
    assert outcome.out.startswith("The ñandú")
    assert "'ñ', 'd', 'ú'" in outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--beam", 3, "--temperature", 0.5), "--beam searches and --temperature draws"),
        (("--beam", 3, "--seed", 1), "--beam searches and --seed draws"),
        (("--beam", 2, "--count", 3), "a beam of 2 cannot find 3 texts"),
        (("--temperature", 0, "--top-p", 0.5), "--temperature 0 leaves nothing to chance"),
        (("--temperature", 0, "--count", 2), "--count could change nothing"),
        (("--top-p", 0), "--top-p"),
        (("--length", 0), "--length"),
    ],
)
def test_options_that_exclude_each_other(run, options, message):
    assert message in refused("generate", run, *options)


def test_other_runs_do_not_write(digits_run):
    assert "image-classification, which does not write" in refused("generate", digits_run)
