"""A parallel corpus of your own: two files whose lines belong together."""

from __future__ import annotations

import pathlib
from typing import Self

from ...core.errors import ArgumentError, DataError
from ..corpus import Parts, TextPair
from ..pairs import read_aligned
from ..reader import PairReader


class ParallelFiles(PairReader):
    """Your own parallel corpus, plain or gzip: ``corpus/train.de`` and ``corpus/train.en``, line by line.

    Args:
        path: what the two names have in common (``corpus/train``), or the folder of the two files.
        source, target: the ends of the names (``de``, ``en``), or the names in the folder.
        validation, test: the same as ``path`` for the other parts, where there are some.
        encoding: of the files.
    """

    name = "parallel-files"

    def __init__(
        self,
        path: str,
        source: str,
        target: str,
        validation: str | None = None,
        test: str | None = None,
        encoding: str = "utf-8",
    ) -> None:
        if source == target:
            raise ArgumentError(f"source and target are both {source!r}", hint="give two files", path=("target",))
        self.path, self.source, self.target = path, source, target
        self.validation, self.test, self.encoding = validation, test, encoding

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Six training and three validation pairs of counted sheep."""
        for part, count in (("train", 6), ("val", 3)):
            for language, sheep in (("de", "Schafe"), ("en", "sheep")):
                lines = [f"{number} {sheep} .\n" for number in range(2, 2 + count)]
                (folder / f"{part}.{language}").write_text("".join(lines), encoding="utf-8")
        return cls(path=str(folder / "train"), source="de", target="en", validation=str(folder / "val"))

    def read(self) -> Parts[TextPair]:
        """The parts of which there are files."""
        notes: list[str] = []
        train, validation, test = (
            None if prefix is None else self._pairs(pathlib.Path(prefix).expanduser(), notes)
            for prefix in (self.path, self.validation, self.test)
        )
        return Parts(train or [], validation, test, notes=tuple(notes))

    def _pairs(self, prefix: pathlib.Path, notes: list[str]) -> list[TextPair]:
        source, target = (_file(prefix, end) for end in (self.source, self.target))
        return read_aligned(source, target, notes, self.encoding)


def _file(prefix: pathlib.Path, end: str) -> pathlib.Path:
    """``prefix.end`` or ``prefix/end``, plain or gzip."""
    names = [prefix / end] if prefix.is_dir() else [prefix.with_name(f"{prefix.name}.{end}")]
    names.append(names[0].with_name(names[0].name + ".gz"))
    for name in names:
        if name.is_file():
            return name
    raise DataError(f"there is no {names[0]}[.gz]", hint="check the common part of the names and their ends")
