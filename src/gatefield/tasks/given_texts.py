"""The texts that a user gives to a trained network."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..core.errors import DataError
from ..data.text_files import read_lines


class GivenText(NamedTuple):
    """A text, and what it is called in the answer: the text itself, or the line of a file."""

    name: str
    text: str


def given_texts(inputs: Iterable[Any]) -> Iterator[GivenText]:
    """Each of ``inputs``: a text; the path of a file, which stands for its lines; or a file's content as bytes.

    Raises:
        DataError: a file that cannot be decoded; names the line.
    """
    for given in inputs:
        if isinstance(given, bytes):
            for number, line in enumerate(given.removesuffix(b"\n").split(b"\n"), 1):
                yield GivenText(f"<bytes>:{number}", _decoded(line, number))
        elif isinstance(given, pathlib.Path) or _is_file(given):
            for number, line in enumerate(read_lines(pathlib.Path(given)), 1):
                yield GivenText(f"{given}:{number}", line)
        else:
            yield GivenText(str(given), str(given))


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        message = f"line {number}: byte {error.start + 1}, 0x{line[error.start]:02X}, is not utf-8"
        raise DataError(message, hint="convert the text to UTF-8") from error


def _is_file(given: str) -> bool:
    try:
        return pathlib.Path(given).is_file()
    except OSError:  # longer than a name of a file can be
        return False
