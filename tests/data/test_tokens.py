"""Tokenizers and the codec of texts: exact round trips, storage, damage."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core import extras
from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError, DataError, MissingExtra
from gatefield.data.text_codec import TextCodec
from gatefield.data.tokenizers.characters import Characters
from gatefield.data.tokenizers.sentencepiece import SentencePiece
from gatefield.data.tokenizers.whitespace import Whitespace
from gatefield.data.tokenizers.words import JOINER, Words
from gatefield.data.tokens import Tokenizer

TEXTS = st.text(alphabet=st.one_of(st.sampled_from(f"ab .,\n\t\x85\u2028{JOINER}▁é"), st.characters()), max_size=40)
LEARNED = ["the cat sat on the mat .", "a cat and a hat .", "the hat sat"] * 5


def _tokenizer(cls):
    if cls is not SentencePiece:
        return cls()
    pytest.importorskip("sentencepiece")
    tokenizer = cls(pieces=40)
    tokenizer.learn(LEARNED)
    return tokenizer


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_words_and_characters_bring_back_every_text(text):
    for tokenizer in (Words(), Characters()):
        tokens = tokenizer.tokens(text)
        assert tokenizer.text(tokens) == text
        assert all(tokens)


@pytest.mark.parametrize("cls", [cls for cls in family(Tokenizer).classes if cls.exact], ids=lambda cls: cls.name)
@pytest.mark.parametrize("text", ["", " ", "the cat", "  two  spaces ", "line\nend\n", "\n\n", "über … 漢字!", "a\tb"])
def test_exact_tokenizers_bring_back(cls, text):
    tokenizer = _tokenizer(cls)
    assert tokenizer.text(tokenizer.tokens(text)) == text


def test_words_are_what_a_person_would_cut():
    assert Words().tokens("Wait, what?\n(No.)") == ["Wait", "￭,", "what", "￭?", "\n", "(", "￭No", "￭.", "￭)"]
    assert Words(lowercase=True).tokens("Two Young") == ["two", "young"]
    assert Words().text(["hello", "￭,", "world", "￭"]) == "hello, world"  # a lone mark, as a model may write it


@settings(deadline=None)
@given(st.lists(st.lists(st.text(alphabet="ab.é", min_size=1, max_size=3), max_size=5), max_size=5))
def test_whitespace_brings_back_what_is_spaced_once(lines):
    text = "\n".join(" ".join(line) for line in lines)
    assert Whitespace().text(Whitespace().tokens(text)) == text
    assert Whitespace(line_ends=False).tokens(text) == text.split()


def test_line_ends_are_tokens_as_in_the_counts_of_wikitext():
    assert Whitespace().tokens(" \n = A = \n b <unk> \n") == ["\n", "=", "A", "=", "\n", "b", "<unk>", "\n"]


def test_a_line_of_a_hundred_thousand_tokens():
    text = "ab, " * 100_000
    assert len(Whitespace().tokens(text)) == 100_000
    assert Words().text(Words().tokens(text)) == text


@pytest.mark.parametrize("cls", family(Tokenizer).classes, ids=lambda cls: cls.name)
def test_a_codec_comes_back_without_the_training_texts(cls, tmp_path):
    if cls is SentencePiece:
        pytest.importorskip("sentencepiece")
    tokenizer = cls(pieces=40) if cls is SentencePiece else cls()
    codec = TextCodec.fit(tokenizer, LEARNED, begin=True, end=True)
    codec.save(tmp_path / "text.json")
    again = TextCodec.load(tmp_path / "text.json")
    assert again.vocabulary == codec.vocabulary
    assert again.tokenizer.config() == codec.tokenizer.config()
    for text in LEARNED[:3]:
        ids = codec.encode(text)
        assert again.encode(text) == ids
        assert (ids[0], ids[-1]) == (codec.vocabulary.begin, codec.vocabulary.end)
        assert again.decode(torch.tensor([0, *ids, 7, 7])) == text  # nothing after the end is read
    assert codec.vocabulary.unknown in codec.encode("ζ")


def test_a_codec_encodes_rows_of_their_own_length():
    codec = TextCodec.fit(Characters(), ["abc", "a"])
    rows = codec.encode_all(["cab", "", "b"])
    assert rows.lengths.tolist() == [3, 0, 1]
    assert [codec.decode(rows[number]) for number in range(3)] == ["cab", "", "b"]
    assert len(codec.encode_all([])) == 0


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"tokenizer": {}}', "\x00", "[" * 10_000])
def test_damaged_codecs_are_refused(content, tmp_path):
    path = tmp_path / "text.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"text\.json"):
        TextCodec.load(path)
    with pytest.raises(DataError, match="cannot read"):
        TextCodec.load(tmp_path / "nowhere.json")


def test_pieces_of_words_are_learned_and_the_same_again():
    pytest.importorskip("sentencepiece")
    first, second = (_tokenizer(SentencePiece) for _ in range(2))
    assert first.learned() == second.learned()
    assert "▁the" in first.symbols() or "the" in first.symbols()
    text = "the hat sat on a cat"
    assert len(first.tokens(text)) < len(text)
    assert set(first.tokens(text)) <= set(first.symbols())


def test_a_phrase_inside_a_text_is_words_of_its_own():
    """Pieces of words tell whether a space comes before: a phrase must not be glued to the word before it."""
    pytest.importorskip("sentencepiece")
    for cls in (SentencePiece, Words, Characters):
        own = _tokenizer(cls)
        before = own.tokens("a dog")
        assert own.text(before + own.inside("the hat")).endswith("the hat")
        assert own.inside("") == []
    pieces = _tokenizer(SentencePiece)
    assert pieces.text(pieces.tokens("a dog") + pieces.inside("the hat")) == "a dog the hat"
    assert pieces.inside("the hat") == pieces.tokens("sat the hat")[len(pieces.tokens("sat")) :]


def test_damaged_pieces_are_refused(tmp_path):
    pytest.importorskip("sentencepiece")
    codec = TextCodec.fit(SentencePiece(pieces=40), LEARNED)
    codec.save(tmp_path / "text.json")
    for damage in ({}, {"model": "?"}, {"model": "AAAA"}, {"model": 3}):
        content = json.loads((tmp_path / "text.json").read_text()) | {"learned": damage}
        (tmp_path / "damaged.json").write_text(json.dumps(content))
        with pytest.raises(DataError):
            TextCodec.load(tmp_path / "damaged.json")
    with pytest.raises(DataError, match="not learned yet"):
        SentencePiece().tokens("a")
    with pytest.raises(DataError, match="no text"):
        SentencePiece().learn(["", "\n"])
    with pytest.raises(ArgumentError, match="fixes its own vocabulary"):
        TextCodec.fit(SentencePiece(pieces=40), LEARNED, minimum=2)


def test_without_the_package_the_extra_is_named(monkeypatch):
    def missing(module):
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(extras.importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match="sentencepiece") as caught:
        SentencePiece().tokens("a")
    assert "gatefield[text]" in caught.value.hint
