"""Pairs of texts of your own, one pair a line."""

from __future__ import annotations

import pathlib
from typing import Self

from ...core.errors import DataError
from ..corpus import Parts, TextPair
from ..pairs import reversed_pairs, without_empty_sides
from ..reader import PairReader
from ..text_files import read_lines


class PairLines(PairReader):
    """Your own pairs, plain or gzip: source, tab, target on each line. A third column is passed over.

    Args:
        path: the file to train on.
        validation, test: files of the same form, where there are some.
        reverse: whether the second column is the source.
        encoding: of the files.
    """

    name = "pair-lines"

    def __init__(
        self,
        path: str,
        validation: str | None = None,
        test: str | None = None,
        reverse: bool = False,
        encoding: str = "utf-8",
    ) -> None:
        self.path, self.validation, self.test = path, validation, test
        self.reverse, self.encoding = reverse, encoding

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Six pairs of words and the same backwards."""
        words = ["stressed", "drawer", "live", "part", "star", "tide"]
        (folder / "pairs.txt").write_text("".join(f"{word}\t{word[::-1]}\n" for word in words), encoding="utf-8")
        return cls(path=str(folder / "pairs.txt"))

    def read(self) -> Parts[TextPair]:
        """The parts of which there are files."""
        notes: list[str] = []
        train, validation, test = (
            None if file is None else self._pairs(pathlib.Path(file).expanduser(), notes)
            for file in (self.path, self.validation, self.test)
        )
        return Parts(train or [], validation, test, notes=tuple(notes))

    def _pairs(self, file: pathlib.Path, notes: list[str]) -> list[TextPair]:
        pairs = read_pair_lines(file, notes, self.encoding)
        return reversed_pairs(pairs) if self.reverse else pairs


def read_pair_lines(file: pathlib.Path, notes: list[str], encoding: str = "utf-8") -> list[TextPair]:
    """The pairs of a file of two or three columns.

    Raises:
        DataError: a line of another number of columns; names it.
    """
    pairs = []
    for number, line in enumerate(read_lines(file, encoding), 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) not in (2, 3):
            raise DataError(
                f"{file}:{number}: {len(cells)} columns, not source and target",
                hint="separate source and target by one tab; a third column may follow",
            )
        pairs.append(TextPair(cells[0].strip(), cells[1].strip(), f"{file}:{number}"))
    return without_empty_sides(pairs, notes)
