"""A text that every machine has: Python's own documentation and sources."""

from __future__ import annotations

import itertools
import pathlib
import platform
from typing import Self

from ...core.arguments import PositiveInt
from ...core.errors import DataError
from ..corpus import Parts
from ..reader import RunningTextReader
from ..standard_library import HOMEPAGE, LICENCE, sources, topics

_EVERY = 20


class PythonDocumentation(RunningTextReader):
    """The topics of Python's ``help()`` and then the sources of its standard library; needs no download.

    Every tenth document is held out, in turn for validation and for test. The text depends on the version of Python,
    which the notes name, and on nothing else.

    Args:
        characters: at most so many in all; the last document is cut there.
    """

    name = "python-documentation"
    licence = LICENCE
    homepage = HOMEPAGE

    def __init__(self, characters: PositiveInt = 1_000_000) -> None:
        self.characters = characters

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """The beginning of the documentation itself."""
        return cls(characters=100_000)

    def read(self) -> Parts[str]:
        """The three parts, lists of documents."""
        documents: list[str] = []
        left = self.characters
        for _, text in itertools.chain(topics(), sources()):
            if text:
                documents.append(text[:left])
                left -= len(documents[-1])
            if not left:
                break
        if not documents:
            hint = "use a complete Python, or read a text of your own: text-file"
            raise DataError("this Python comes without documentation and sources", hint=hint)
        validation, test = documents[_EVERY // 2 - 1 :: _EVERY], documents[_EVERY - 1 :: _EVERY]
        train = [text for number, text in enumerate(documents, 1) if number % (_EVERY // 2)]
        return Parts(train, validation or None, test or None, notes=(f"of Python {platform.python_version()}",))
