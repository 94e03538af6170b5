"""Rows of columns in text files: comma separated values with quotes, or plain columns."""

from __future__ import annotations

import csv
import pathlib
import sys
from collections.abc import Iterator
from typing import Literal

from ..core.errors import DataError
from .text_files import read_lines

Separator = Literal["auto", "tab", "comma", "semicolon"]
_SIGNS = {"tab": "\t", "comma": ",", "semicolon": ";"}


def rows(path: pathlib.Path, separator: Separator, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row that is not empty. Commas and semicolons separate cells that may be quoted.

    Between tabs a quotation mark is a sign like others. ``auto`` is a comma where the name ends in ``.csv`` or
    ``.csv.gz``, a tab otherwise.

    Raises:
        DataError: the file cannot be read, a row has another number of cells than the first, or quotes do not end;
            names the line.
    """
    if separator == "auto":
        separator = "comma" if path.name.lower().endswith((".csv", ".csv.gz")) else "tab"
    lines = read_lines(path, encoding)
    width = 0
    for line, cells in _plain(lines) if separator == "tab" else _quoted(path, lines, _SIGNS[separator]):
        if not any(cells):
            continue
        width = width or len(cells)
        if len(cells) != width:
            raise DataError(
                f"{path}:{line}: {len(cells)} columns, but the first row has {width}",
                hint=f"columns are separated by a {separator}: mend the line, or set the separator",
            )
        yield line, cells


def _plain(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    return ((number, line.split("\t")) for number, line in enumerate(lines, 1))


def _quoted(path: pathlib.Path, lines: list[str], sign: str) -> Iterator[tuple[int, list[str]]]:
    limit = csv.field_size_limit(sys.maxsize)  # of the whole process: a text may be longer than 128 KiB
    try:
        reader = csv.reader((line + "\n" for line in lines), delimiter=sign, strict=True)
        begin = 1
        try:
            for cells in reader:
                yield begin, cells
                begin = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}:{begin}: {error}", hint="mend the quotes of this row") from error
    finally:
        csv.field_size_limit(limit)
