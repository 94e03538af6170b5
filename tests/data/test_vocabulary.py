"""Vocabularies: numbers of symbols, special symbols, storage."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import DataError
from gatefield.data.vocabulary import BEGIN, END, PAD, UNKNOWN, Vocabulary

TOKENS = st.lists(st.text(max_size=4), max_size=30)
SENTENCES = st.lists(TOKENS, min_size=1, max_size=5).filter(lambda s: any(t != UNKNOWN for r in s for t in r))


@settings(deadline=None)
@given(SENTENCES, st.booleans(), st.booleans(), st.booleans())
def test_tokens_come_back(sentences, unknown, begin, end):
    vocabulary = Vocabulary.build(sentences, unknown=unknown, begin=begin, end=end)
    for sentence in sentences:
        ids = vocabulary.ids(sentence)
        assert vocabulary.tokens(ids) == sentence
        assert not {vocabulary.pad, vocabulary.begin, vocabulary.end} & set(ids)
    again = Vocabulary.from_content(json.loads(json.dumps(vocabulary.content())))
    assert again == vocabulary
    assert again.symbols == vocabulary.symbols
    assert (again.pad, again.unknown, again.begin, again.end) == (
        vocabulary.pad,
        vocabulary.unknown,
        vocabulary.begin,
        vocabulary.end,
    )


def test_order_is_frequency_then_spelling():
    vocabulary = Vocabulary.build([list("abracadabra"), list("zz")], begin=True, end=True)
    assert vocabulary.symbols == (PAD, UNKNOWN, BEGIN, END, "a", "b", "r", "z", "c", "d")
    assert (vocabulary.pad, vocabulary.unknown, vocabulary.begin, vocabulary.end) == (0, 1, 2, 3)
    assert Vocabulary.build([list("ba")], unknown=False).symbols == (PAD, "a", "b")


def test_order_does_not_depend_on_the_hash_seed():
    code = (
        "from gatefield.data.vocabulary import Vocabulary; print(Vocabulary.build([list('thequickbrownfox')]).symbols)"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_rare_and_surplus_symbols_become_unknown():
    sentences = [list("aaabbc")]
    assert Vocabulary.build(sentences, minimum=2).symbols[2:] == ("a", "b")
    small = Vocabulary.build(sentences, size=1)
    assert small.tokens(small.ids("abc")) == ["a", UNKNOWN, UNKNOWN]
    with pytest.raises(DataError, match="2 symbols are too rare"):
        Vocabulary.build(sentences, size=1, unknown=False)


def test_a_text_cannot_speak_for_the_special_symbols():
    sentence = ["<pad>", "<s>", "x", "</s>", "<unk>"]
    vocabulary = Vocabulary.build([sentence], begin=True, end=True)
    ids = vocabulary.ids(sentence)
    assert not {vocabulary.pad, vocabulary.begin, vocabulary.end} & set(ids)
    assert ids[-1] == vocabulary.unknown
    assert vocabulary.symbols.count("<unk>") == 1
    assert vocabulary.tokens(ids) == sentence


def test_what_is_not_there_is_named():
    closed = Vocabulary("ab", unknown=False)
    with pytest.raises(DataError, match="'x' is not in the vocabulary") as caught:
        closed.ids("axb")
    assert caught.value.hint
    for wrong in (-1, 3):
        with pytest.raises(DataError, match=f"no symbol {wrong}"):
            closed.tokens([1, wrong])
    with pytest.raises(DataError, match="'a' is listed twice"):
        Vocabulary("aba")
    with pytest.raises(DataError, match="no symbol to make"):
        Vocabulary.build([[], []])


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"symbols": ["a"]},
        {"symbols": "ab", "unknown": True, "begin": True, "end": True},
        {"symbols": [1], "unknown": True, "begin": True, "end": True},
        {"symbols": ["a"], "unknown": 1, "begin": True, "end": True},
        {"symbols": ["a", "a"], "unknown": True, "begin": True, "end": True},
    ],
)
def test_other_content_is_refused(content):
    with pytest.raises(DataError) as caught:
        Vocabulary.from_content(content, "vocabulary.json")
    assert caught.value.hint
