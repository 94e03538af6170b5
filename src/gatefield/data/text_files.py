"""Text files: plain or gzip, in a declared encoding; a byte that does not fit is named with its place."""

from __future__ import annotations

import fnmatch
import gzip
import pathlib
import zlib

from ..core.errors import ArgumentError, DataError
from .image_files import files_below

_GZIP = b"\x1f\x8b"


def read_text(path: pathlib.Path, encoding: str = "utf-8") -> str:
    """The text of ``path``, with LF for CR LF and without a byte order mark; gzip is recognized by its first bytes.

    Raises:
        ArgumentError: there is no such encoding.
        DataError: the file is missing or damaged, or a byte is not in the encoding; names file, line and byte.
    """
    content = _content(path)
    try:
        text = content.decode(encoding)
    except LookupError:
        hint = "give for example utf-8, latin-1, cp1252 or utf-16"
        raise ArgumentError(f"there is no text encoding {encoding!r}", hint=hint, path=("encoding",)) from None
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, errors="replace")
        line, column = before.count("\n") + 1, error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise DataError(
            f"{path}:{line}: byte {column} of the line, 0x{content[error.start]:02X}, is not {encoding}",
            hint="name the encoding that the file has (encoding=latin-1, for example), or mend the line",
        ) from error
    except UnicodeError as error:  # UTF-16 without a byte order mark, for example
        raise DataError(f"{path} is not {encoding} ({error})", hint="name the encoding that the file has") from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def read_lines(path: pathlib.Path, encoding: str = "utf-8") -> list[str]:
    """The lines of ``path``, without their ends. Only LF and CR LF end a line.

    ``str.splitlines`` would also end lines at NEL, form feed and U+2028, which stand inside the lines of real corpora.

    Raises:
        ArgumentError, DataError: see `read_text`.
    """
    lines = read_text(path, encoding).split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def find_text_files(path: pathlib.Path, pattern: str, notes: list[str]) -> list[pathlib.Path]:
    """The file ``path``, or the files below the folder ``path`` whose names fit ``pattern``, in order of their paths.

    Links that lead out of the folder are left out and told in ``notes``.

    Raises:
        DataError: there is nothing at ``path``, or no such file in it.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"there is no {path}", hint="check the path of the text")
    fitting = [file for file in files_below(path) if fnmatch.fnmatch(file.name, pattern) and not file.is_dir()]
    found = [file for file in fitting if is_within(file, path)]
    if len(found) < len(fitting):
        notes.append(f"{path}: did not follow {len(fitting) - len(found)} links that lead out of the folder")
    if not found:
        raise DataError(f"{path} holds no file named like {pattern}", hint="check the folder, or give another pattern")
    return found


def is_within(file: pathlib.Path, folder: pathlib.Path) -> bool:
    """Whether ``file`` lies in ``folder`` once every link is followed."""
    return file.resolve().is_relative_to(folder.resolve())


def _content(path: pathlib.Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no {path}", hint="check the path, or get the file again") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}", hint="is it a readable file?") from error
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is a damaged gzip file ({error})", hint="get the file again") from error
