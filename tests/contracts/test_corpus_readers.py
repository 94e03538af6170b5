"""What every reader must do, whatever it reads; and what every reader of sequences must do, on its own sample."""

from __future__ import annotations

import pytest
import torch

from gatefield.core.configurable import plain
from gatefield.core.discovery import family
from gatefield.core.errors import DataError
from gatefield.data.corpus import CaptionedImage, LabelledText, Parts, Recording, Roll, TaggedSentence, TextPair
from gatefield.data.decode import header
from gatefield.data.film import Film, FilmReader
from gatefield.data.reader import (
    CaptionReader,
    LabelledTextReader,
    PairReader,
    Reader,
    RecordingReader,
    RollReader,
    RunningTextReader,
    TaggedReader,
)

ITEMS = {
    RunningTextReader: str,
    LabelledTextReader: LabelledText,
    TaggedReader: TaggedSentence,
    PairReader: TextPair,
    RecordingReader: Recording,
    RollReader: Roll,
    CaptionReader: CaptionedImage,
    FilmReader: Film,
}
READERS = family(Reader).classes
CORPUS_READERS = [cls for cls in READERS if issubclass(cls, tuple(ITEMS))]


@pytest.fixture(params=CORPUS_READERS, ids=lambda cls: cls.name)
def reader(request, tmp_path) -> Reader:
    return request.param.sample(tmp_path)


def _parts(parts: Parts):
    return [items for items in (parts.train, parts.validation, parts.test) if items is not None]


def _kind(reader: Reader) -> type:
    return next(item for base, item in ITEMS.items() if isinstance(reader, base))


def _same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, tuple):
        return type(one) is type(other) and all(map(_same, one, other))
    return one == other


def test_every_reader_of_sequences_is_of_one_kind():
    assert all(sum(issubclass(cls, base) for base in ITEMS) == 1 for cls in CORPUS_READERS)
    assert all(any(issubclass(cls, base) for cls in CORPUS_READERS) for base in ITEMS)


def test_parts_hold_items_of_the_kind(reader):
    parts = reader.read()
    assert isinstance(parts, Parts)
    for items in _parts(parts):
        assert len(items) > 0
        for item in items:
            assert type(item) is _kind(reader)
    assert all(isinstance(note, str) for note in parts.notes)
    assert len(set(parts.classes)) == len(parts.classes)


def test_items_are_whole(reader):
    parts = reader.read()
    for items in _parts(parts):
        for item in items:
            match item:
                case str():
                    assert item
                case LabelledText():
                    assert item.text.strip()
                    assert type(item.label) is int
                    assert 0 <= item.label < len(parts.classes)
                case TaggedSentence():
                    assert len(item.words) == len(item.tags) > 0
                    assert set(item.tags) <= set(parts.classes)
                    assert all(item.words)
                case TextPair():
                    assert item.source.strip()
                    assert item.target.strip()
                case Recording():
                    assert item.samples.dtype == torch.float32
                    assert item.samples.dim() == 1
                    assert len(item.samples) > 0
                    assert item.samples.abs().max() <= 1
                    assert item.rate > 0
                    assert item.text
                case Roll():
                    assert item.notes.dtype == torch.uint8
                    assert item.notes.shape[1] == 88
                    assert item.notes.max() <= 1
                case CaptionedImage():
                    assert header(item.path)
                    assert item.captions
                    assert all(item.captions)
                case Film():
                    assert item.frames.dtype == torch.uint8
                    assert item.frames.dim() == 4
                    assert item.frames.shape[1] in (1, 3)
                    assert len(item.frames) > 0
                case _:
                    pytest.fail(f"{item!r} is no item")
    if isinstance(reader, LabelledTextReader):
        assert len(parts.classes) >= 2
        assert {item.label for item in parts.train} == set(range(len(parts.classes)))


def test_places_are_named_and_unique(reader):
    if isinstance(reader, RunningTextReader):
        return  # documents have no place
    places = [item.place for items in _parts(reader.read()) for item in items]
    assert all(places)
    assert len(set(places)) == len(places)


def test_reading_twice_gives_the_same(reader):
    first, second = reader.read(), reader.read()
    assert tuple(first.classes) == tuple(second.classes)
    assert tuple(first.notes) == tuple(second.notes)
    for items, again in zip(_parts(first), _parts(second), strict=True):
        assert len(items) == len(again)
        assert all(map(_same, items, again))


SHARES = [cls for cls in CORPUS_READERS if isinstance(cls.signature().get("test", (0, 0))[1], float)]


@pytest.mark.parametrize("cls", [cls for cls in SHARES if cls.name != "text-file"], ids=lambda cls: cls.name)
def test_what_is_held_out_is_not_trained_on(cls, tmp_path):
    parts = cls.sample(tmp_path).read()
    assert parts.test
    assert not {item[0] for item in parts.train} & {item[0] for item in parts.test}


@pytest.mark.parametrize("cls", READERS, ids=lambda cls: cls.name)
def test_the_configuration_builds_an_equal_reader(cls, tmp_path):
    reader = cls.sample(tmp_path)
    again = Reader.from_config(reader.config())
    assert type(again) is cls
    assert again.config() == reader.config() == plain(reader.config())


@pytest.mark.parametrize("cls", [cls for cls in READERS if "path" in cls.signature()], ids=lambda cls: cls.name)
def test_a_missing_path_is_named(cls, tmp_path):
    if cls.name == "digit-scenes":
        pytest.skip("writes its path itself")
    config = cls.sample(tmp_path).config() | {"path": str(tmp_path / "nowhere")}
    with pytest.raises(DataError, match="nowhere") as caught:
        Reader.from_config(config).read()
    assert caught.value.hint


@pytest.mark.parametrize("cls", READERS, ids=lambda cls: cls.name)
def test_readers_say_where_their_data_come_from(cls):
    assert not cls.downloads or (cls.licence and cls.homepage and cls.folder)
    assert not cls.folder or (cls.licence and cls.homepage)
    for download in cls.downloads:
        algorithm, _, digest = download.digest.partition(":")
        assert len(digest) == {"md5": 32, "sha256": 64}[algorithm]
        assert all(address.startswith(("https://", "http://")) for address in download.addresses)
        assert "/" not in download.file


@pytest.mark.parametrize("cls", [cls for cls in READERS if cls.folder], ids=lambda cls: cls.name)
def test_a_set_that_is_nowhere_says_how_to_get_it(cls, tmp_path, monkeypatch):
    monkeypatch.delenv("GATEFIELD_DATA", raising=False)
    monkeypatch.setenv("GATEFIELD_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=cls.name) as caught:
        cls().read()
    wanted = f"gatefield data {cls.name} --fetch" if cls.downloads else cls.homepage
    assert wanted in caught.value.hint


@pytest.mark.parametrize("cls", [cls for cls in CORPUS_READERS if cls.folder], ids=lambda cls: cls.name)
def test_an_empty_folder_is_named(cls, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty") as caught:
        cls(path=str(tmp_path / "empty")).read()
    assert caught.value.hint
