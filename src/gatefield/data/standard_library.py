"""The texts that come with every Python: the sources of its standard library, and its documentation."""

from __future__ import annotations

import pathlib
import sysconfig
import tokenize
from collections.abc import Iterator

LICENCE = "PSF-2.0 (part of the Python that runs this)"
HOMEPAGE = "https://docs.python.org"


def sources() -> Iterator[tuple[pathlib.Path, str]]:
    """(file, text) of the modules at the top of the standard library, in order of their names; none is imported."""
    for file in sorted(pathlib.Path(sysconfig.get_path("stdlib")).glob("*.py")):
        try:
            with tokenize.open(file) as opened:
                yield file, opened.read()
        except (OSError, SyntaxError, UnicodeError):  # a file of another encoding is no loss
            continue


def topics() -> Iterator[tuple[str, str]]:
    """(title, text) of each topic of ``help()``, in order of titles; none where a distribution leaves them out."""
    try:
        from pydoc_data.topics import topics as found
    except ModuleNotFoundError:
        return
    yield from sorted(found.items())
