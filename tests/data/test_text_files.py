"""Text files: encodings, line ends, compression, damage; tables and parts of texts."""

from __future__ import annotations

import csv
import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import ArgumentError, DataError
from gatefield.data.columns import rows
from gatefield.data.holding_out import cut_end, hold_out
from gatefield.data.text_files import find_text_files, read_lines, read_text


def test_only_lf_ends_a_line(tmp_path):
    path = tmp_path / "nel.txt"
    path.write_bytes("one \x85 two\x0c\u2028three\r\nfour\rfive\n\nsix".encode())
    assert read_lines(path) == ["one \x85 two\x0c\u2028three", "four\rfive", "", "six"]
    path.write_bytes(b"caf\xe9 \x85 .\n")
    assert read_lines(path, "latin-1") == ["café \x85 ."]


@settings(deadline=None)
@given(st.lists(st.text(alphabet=st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]))))
def test_lines_come_back(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("lines") / "text.gz"
    text = "".join(line + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()))
    assert read_text(path) == text.removeprefix("\ufeff")
    assert read_lines(path) == text.removeprefix("\ufeff").split("\n")[:-1]


@pytest.mark.parametrize(
    ("content", "encoding", "place"),
    [
        (b"abc\ndef\nx\xe9y\n", "utf-8", ":3: byte 2 of the line, 0xE9"),
        (b"\xff", "utf-8", ":1: byte 1 of the line, 0xFF"),
        ("a\nü\n".encode() + b"\xc3", "utf-8", ":3: byte 1 of the line, 0xC3"),
        (b"ok\nab\x81", "cp1252", ":2: byte 3 of the line, 0x81"),
        ("ä".encode(), "ascii", ":1: byte 1 of the line, 0xC3"),
    ],
)
def test_a_byte_that_does_not_fit_is_placed(tmp_path, content, encoding, place):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=place) as caught:
        read_text(path, encoding)
    assert encoding in caught.value.message
    assert "encoding" in caught.value.hint


def test_other_encodings_and_marks(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffGrüße\r\n".encode())
    assert read_text(path) == "Grüße\n"
    path.write_bytes("Grüße\n漢".encode("utf-16"))
    assert read_lines(path, "utf-16") == ["Grüße", "漢"]
    path.write_bytes(b"")
    assert read_lines(path) == []
    path.write_bytes(b"abc")
    with pytest.raises(DataError, match="utf-16"):
        read_text(path, "utf-16")
    for name in ("klingon", "base64"):
        with pytest.raises(ArgumentError, match=name):
            read_text(path, name)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        read_text(tmp_path / "nowhere.txt")
    with pytest.raises(DataError, match="cannot read"):
        read_text(tmp_path)
    whole = gzip.compress(b"text " * 1000)
    for damaged in (whole[:-9], whole[:30], whole[:20] + b"\x00" * 40):
        (tmp_path / "text.gz").write_bytes(damaged)
        with pytest.raises(DataError, match="damaged gzip"):
            read_text(tmp_path / "text.gz")


def test_files_of_a_folder_and_links_out_of_it(tmp_path):
    folder = tmp_path / "texts"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.txt", "a.txt", "sub/c.txt", "d.md", ".hidden.txt"):
        (folder / name).write_text(name)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    notes: list[str] = []
    found = [str(file.relative_to(folder)) for file in find_text_files(folder, "*.txt", notes)]
    assert found == ["a.txt", "b.txt", "sub/c.txt"]
    assert "1 links" in notes[0]
    with pytest.raises(DataError, match=r"\*\.tex"):
        find_text_files(folder, "*.tex", notes)
    with pytest.raises(DataError, match="nowhere"):
        find_text_files(tmp_path / "nowhere", "*", notes)


CELLS = st.text(alphabet=st.characters(blacklist_characters="\r", blacklist_categories=["Cs"]), max_size=6)


@settings(deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2).filter(any), min_size=1, max_size=6))
def test_quoted_tables_are_those_of_the_standard_library(tmp_path_factory, table):
    written = io.StringIO()
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    path = tmp_path_factory.mktemp("table") / "table.csv"
    path.write_bytes(written.getvalue().encode())
    found = list(rows(path, "auto", "utf-8"))
    assert [cells for _, cells in found] == table
    lines = written.getvalue().split("\n")
    assert all(
        lines[line - 1].startswith(f'"{cells[0][:1]}' if cells[0][:1] not in '"\n' else '"') for line, cells in found
    )


def test_rows_are_placed(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('a,"two\nlines"\n\nb,c\nd\n')
    found = rows(path, "auto", "utf-8")
    assert next(found) == (1, ["a", "two\nlines"])
    assert next(found) == (4, ["b", "c"])
    with pytest.raises(DataError, match=r":5: 1 columns, but the first row has 2"):
        next(found)
    path.write_text('a,b\nc,"d\n')
    with pytest.raises(DataError, match=":2: "):
        list(rows(path, "comma", "utf-8"))
    path.write_text('a\t"b\n')
    assert list(rows(path, "tab", "utf-8")) == [(1, ["a", '"b'])]


def test_a_cell_longer_than_the_standard_library_allows(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a," + "word " * 100_000 + "\n")
    limit = csv.field_size_limit()
    assert len(next(iter(list(rows(path, "auto", "utf-8"))))[1][1]) == 500_000
    assert csv.field_size_limit() == limit


@settings(deadline=None)
@given(
    st.lists(st.text(max_size=9), max_size=6),
    st.floats(0, 0.49, allow_nan=False),
    st.floats(0, 0.49, allow_nan=False),
)
def test_the_end_is_cut_off_to_the_character(documents, validation, test):
    parts = cut_end(documents, validation, test)
    assert "".join(text for part in parts for text in part) == "".join(documents)
    total = sum(map(len, documents))
    sizes = [sum(map(len, part)) for part in parts]
    assert -1e-5 < total * (1 - validation - test) - sizes[0] < 1
    assert -1e-5 < sizes[2] - total * test < 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from("ab"))), st.floats(0, 0.9, allow_nan=False))
def test_what_is_held_out_is_never_trained_on(items, share):
    rest, held_out = hold_out(items, share, same=lambda item: item[0], stratum=lambda item: item[1])
    held_out = held_out or []
    assert sorted(rest + held_out) == sorted(items)
    assert not {key for key, _ in rest} & {key for key, _ in held_out}
    assert bool(rest) == bool(items)
    assert len(held_out) <= share * len(items) + 1
    assert (rest, held_out or None) == hold_out(items, share, same=lambda item: item[0], stratum=lambda item: item[1])


def test_every_class_is_held_out_in_proportion():
    items = [(number, "abc"[number % 3 if number < 300 else 2]) for number in range(1000)]
    _, held_out = hold_out(items, 0.1, same=lambda item: item[0], stratum=lambda item: item[1])
    assert [sum(label == wanted for _, label in held_out) for wanted in "abc"] == [10, 10, 80]
