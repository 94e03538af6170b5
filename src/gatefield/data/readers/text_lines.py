"""Labelled texts of your own, one a line or row."""

from __future__ import annotations

import pathlib
from typing import Literal, Self

from ...core.arguments import PositiveInt
from ...core.errors import ArgumentError, DataError, suggest
from ..columns import Separator, rows
from ..corpus import LabelledText, Parts
from ..labels import NamedText, numbered, without_empty
from ..reader import LabelledTextReader


class TextLines(LabelledTextReader):
    """Your own labelled texts in a table, plain or gzip: by default a label, a tab and a text on each line.

    Columns are given by number from 1, or by name; where one is named, the first row names the columns. Empty rows are
    passed over, rows without text left out and told in the notes.

    Args:
        path: the table to train on.
        validation, test: tables of the same form, where there are some.
        label: the column of the label.
        text: the column of the text.
        header: whether the first row names the columns; ``auto``: it does where ``label`` or ``text`` is a name.
        separator: what separates columns; ``auto``: commas in files named ``.csv``, else tabs. Commas and semicolons go
            with quotation marks around cells; between tabs a quotation mark is a sign like others.
        encoding: of the files.
    """

    name = "text-lines"

    def __init__(
        self,
        path: str,
        validation: str | None = None,
        test: str | None = None,
        label: PositiveInt | str = 1,
        text: PositiveInt | str = 2,
        header: Literal["auto", True, False] = "auto",
        separator: Separator = "auto",
        encoding: str = "utf-8",
    ) -> None:
        self.path, self.validation, self.test = path, validation, test
        self.label, self.text, self.encoding = label, text, encoding
        self.separator: Separator = separator
        names = isinstance(label, str) or isinstance(text, str)
        if header is False and names:
            message = "columns are named, but there is no row that names them"
            raise ArgumentError(message, hint="give columns as numbers from 1, or header=true", path=("header",))
        if label == text:
            raise ArgumentError("label and text are the same column", hint="give two columns", path=("label",))
        self.header = names or header is True

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Six lines in two classes."""
        lines = [f"{label}\tit is {word}" for label, word in zip("+-" * 3, ("good", "bad", "fine", "poor", "so", "no"))]
        (folder / "texts.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return cls(path=str(folder / "texts.tsv"))

    def read(self) -> Parts[LabelledText]:
        """The parts of which there are tables."""
        notes: list[str] = []
        files = {"train": self.path, "validation": self.validation, "test": self.test}
        return numbered({part: self._texts(file, notes) if file else None for part, file in files.items()}, notes)

    def _texts(self, file: str, notes: list[str]) -> list[NamedText]:
        path = pathlib.Path(file).expanduser()
        found = rows(path, self.separator, self.encoding)
        first = next(found, None)
        if first is None:
            raise DataError(f"{path} is empty", hint="give a file with a label and a text on each line")
        line, cells = first
        label, text = (_place(column, cells, f"{path}:{line}") for column in (self.label, self.text))
        texts = [] if self.header else [NamedText(cells[text], cells[label].strip(), f"{path}:{line}")]
        texts += [NamedText(cells[text], cells[label].strip(), f"{path}:{line}") for line, cells in found]
        for item in texts:
            if not item.label:
                raise DataError(f"{item.place}: there is no label", hint="give every text a label")
        return without_empty(texts, notes)


def _place(column: int | str, cells: list[str], place: str) -> int:
    """The index of ``column`` in the first row."""
    if isinstance(column, str):
        if column not in cells:
            raise DataError(f"{place}: there is no column named '{column}'", hint=suggest(column, cells))
        return cells.index(column)
    if column > len(cells):
        raise DataError(
            f"{place}: there is no column {column}, only {len(cells)}",
            hint="check the separator, and which columns hold label and text",
        )
    return column - 1
