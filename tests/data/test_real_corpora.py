"""Real corpora, where they are present: the counts that were published."""

from __future__ import annotations

import collections
import pathlib

import pytest
import torch

from gatefield.core.configurable import plain
from gatefield.core.discovery import family
from gatefield.data.reader import Reader
from gatefield.data.readers.conll import Conll
from gatefield.data.text_codec import TextCodec
from gatefield.data.tokenizers.characters import Characters
from gatefield.data.tokenizers.whitespace import Whitespace
from gatefield.data.tokenizers.words import Words


@pytest.fixture
def read(data_folder, monkeypatch):
    monkeypatch.setenv("GATEFIELD_DATA", str(data_folder))

    def read(name, **arguments):
        entry = family(Reader).find(name)
        if not (data_folder / entry.cls.folder).is_dir():
            pytest.skip(f"no {entry.cls.folder}")
        return entry.cls(**{**entry.arguments, **arguments}).read()

    return read


def _counts(parts):
    return tuple(None if part is None else len(part) for part in (parts.train, parts.validation, parts.test))


@pytest.mark.parametrize(
    ("name", "arguments", "counts"),
    [
        ("rt-polarity", {"test": 0.0}, (10662, None, None)),
        ("sst", {}, (8544, 1101, 2210)),
        ("sst", {"classes": 2}, (6920, 872, 1821)),
        ("surnames", {"test": 0.0}, (20050, None, None)),
        ("promoters", {"test": 0.0}, (106, None, None)),
        ("splice", {"test": 0.0}, (3190, None, None)),
        ("ud-english-ewt", {}, (12544, 2001, 2077)),
        ("wnut17", {}, (3394, 1009, 1287)),
        ("multi30k", {}, (29000, 1014, 1000)),
        ("multi30k", {"source": "en", "target": "fr", "test": "test_2017_flickr"}, (29000, 1014, 1000)),
        ("tatoeba", {"test": 0.0}, (50002, None, None)),
        ("spoken-digits", {}, (2700, None, 300)),
        ("spoken-digits", {"speaker": "theo"}, (2500, None, 500)),
        ("jsb-chorales", {}, (229, 76, 77)),
        ("nottingham", {}, (694, 173, 170)),
        ("coco-captions", {}, (26, 25, None)),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_counts_are_the_published_ones(read, name, arguments, counts):
    assert _counts(read(name, **arguments)) == counts


def test_classes_are_as_many_as_published(read):
    def labels(name):
        parts = read(name, test=0.0)
        counts = collections.Counter(parts.classes[item.label] for item in parts.train)
        return parts, counts

    assert labels("rt-polarity")[1] == {"negative": 5331, "positive": 5331}
    assert labels("promoters")[1] == {"no promoter": 53, "promoter": 53}
    splice, counts = labels("splice")
    assert counts == {"EI": 767, "IE": 768, "N": 1655}
    assert {len(item.text) for item in splice.train} == {60}
    assert {letter for item in splice.train for letter in item.text} == set("ACGTDNRS")
    _, names = labels("surnames")
    assert len(names) == 18
    assert names["Russian"] == 9384


def test_reviews_have_characters_that_end_no_line(read):
    parts = read("rt-polarity", test=0.0)
    assert sum("\x85" in item.text for item in parts.train) > 0


def test_held_out_texts_are_not_trained_on(read):
    for name in ("rt-polarity", "surnames", "splice"):
        parts = read(name)
        assert not {item.text for item in parts.train} & {item.text for item in parts.test}
    pairs = read("tatoeba")
    assert _counts(pairs)[2] == 2500
    assert not {pair.source for pair in pairs.train} & {pair.source for pair in pairs.test}


def test_wikitext_has_the_published_tokens(read):
    parts = read("wikitext-2")
    whitespace = Whitespace()
    tokens = [whitespace.tokens(part[0]) for part in (parts.train, parts.validation, parts.test)]
    assert [len(part) for part in tokens] == [2088628, 217646, 245569]
    codec = TextCodec.fit(whitespace, parts.train)
    assert len(codec.vocabulary) == 33278 + 1  # and <pad>
    assert codec.vocabulary.unknown not in (None, codec.vocabulary.pad)
    rows = codec.encode_all(parts.validation)
    assert len(rows.flat) == 217646
    text = parts.test[0]
    assert Words().text(Words().tokens(text)) == text


def test_shakespeare_has_65_characters(read):
    parts = read("tiny-shakespeare")
    assert (len(parts.train[0]), len(parts.validation[0])) == (1003854, 111540)  # as in nanoGPT
    codec = TextCodec.fit(Characters(), parts.train, unknown=False)
    assert len(codec.vocabulary) == 65 + 1
    assert codec.decode(codec.encode(parts.validation[0])) == parts.validation[0]


def test_treebank_has_the_published_words(read):
    parts = read("ud-english-ewt")
    words = [sum(len(s.words) for s in part) for part in (parts.train, parts.validation, parts.test)]
    assert words == [204577, 25147, 25094]
    assert len(parts.classes) == 17


def test_entities_are_as_many_as_published(read):
    parts = read("wnut17")
    counts = [
        sum(tag.startswith("B-") for s in part for tag in s.tags)
        for part in (parts.train, parts.validation, parts.test)
    ]
    assert counts == [1975, 836, 1079]
    assert len(parts.classes) == 13
    assert not parts.notes


def test_a_file_with_several_tags_a_word_is_refused(read, data_folder):
    read("wnut17")
    path = data_folder / "wnut17" / "emerging.test.conll"
    with pytest.raises(Exception, match=r"emerging\.test\.conll:\d+: .* is not a BIO tag"):
        Conll(str(path)).read()
    assert len(Conll(str(path), scheme="any").read().train) == 1287


def test_translations_belong_together(read):
    parts = read("multi30k")
    assert parts.train[0][:2] == (
        "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
        "Two young, White males are outside near many bushes.",
    )
    back = read("multi30k", source="en", target="de")
    assert [(t, s) for s, t, _ in back.train] == [(s, t) for s, t, _ in parts.train]


@pytest.mark.slow
def test_phrases_of_the_treebank(read):
    whole, phrases = read("sst"), read("sst", phrases=True)
    texts = {(item.text, item.label) for item in phrases.train}
    assert len(texts) == len(phrases.train)
    assert {(item.text, item.label) for item in whole.train} <= texts
    assert _counts(phrases)[1:] == (1101, 2210)


def test_digits_last_as_long_as_published(read):
    parts = read("spoken-digits")
    recordings = [*parts.train, *parts.test]
    assert {item.rate for item in recordings} == {8000}
    assert len({item.speaker for item in recordings}) == 6
    assert round(sum(len(item.samples) for item in recordings) / 8000) == 1312


def test_chorales_are_0_and_1(read):
    parts = read("jsb-chorales")
    assert tuple(parts.train[0].notes.shape) == (129, 88)
    assert parts.train[0].notes.unique().tolist() == [0, 1]
    assert max(int(roll.notes.sum(1).max()) for roll in parts.train) <= 4 * 2
    assert isinstance(parts.train[0].notes, torch.Tensor)


def test_captions_are_five_a_picture(read):
    parts = read("coco-captions")
    assert sum(len(item.captions) for item in [*parts.train, *parts.validation]) == 255
    assert all(pathlib.Path(item.path).is_file() for item in parts.train)


@pytest.mark.parametrize("cls", [cls for cls in family(Reader).classes if cls.downloads], ids=lambda cls: cls.name)
def test_checksums_are_those_of_the_files(cls, data_folder):
    if cls.name in ("mnist", "fashion-mnist", "cifar10"):
        pytest.skip("has a test of its own")
    for download in cls.downloads:
        path = data_folder / cls.folder / download.file
        if not path.is_file():
            pytest.skip(f"no {download.file}")
        assert path.stat().st_size == download.size
        assert download.matches(path)


def test_presets_are_arguments():
    assert plain(family(Reader).find("nottingham").arguments) == {"file": "Nottingham.mat"}
