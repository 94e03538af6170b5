"""Labelled sequences of your own in FASTA files: DNA, RNA or proteins."""

from __future__ import annotations

import pathlib
import re
from typing import Self

from ...core.errors import ArgumentError, DataError
from ..corpus import LabelledText, Parts
from ..labels import NamedText, numbered
from ..reader import LabelledTextReader
from ..text_files import read_lines

_LETTERS = re.compile(r"[A-Za-z*\-.]+")


class Fasta(LabelledTextReader):
    """Your own sequences in FASTA, plain or gzip: a header ``>name class``, then lines of letters.

    Letters become capitals; which letters there are is left to the vocabulary.

    Args:
        path: the file to train on.
        validation, test: files of the same form, where there are some.
        label: a regular expression that finds the class in a header, in its group; by default the last word.
    """

    name = "fasta"

    def __init__(
        self, path: str, validation: str | None = None, test: str | None = None, label: str = r"\s(\S+)\s*$"
    ) -> None:
        self.path, self.validation, self.test = path, validation, test
        try:
            self.label = re.compile(label)
        except re.error as error:
            raise ArgumentError(
                f"{label!r} is not a regular expression: {error}", hint=r"for example class=(\w+)", path=("label",)
            ) from None
        if self.label.groups != 1:
            message = f"{label!r} has {self.label.groups} groups, not one"
            raise ArgumentError(message, hint=r"put parentheses around the class: class=(\w+)", path=("label",))

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Six sequences in two classes."""
        records = [f">s{number} {'ab'[number % 2]}\n{'ACGT' * 3}\n{'acgn'[number % 4] * 4}\n" for number in range(6)]
        (folder / "genes.fasta").write_text("".join(records), encoding="utf-8")
        return cls(path=str(folder / "genes.fasta"))

    def read(self) -> Parts[LabelledText]:
        """The parts of which there are files."""
        files = {"train": self.path, "validation": self.validation, "test": self.test}
        return numbered(
            {part: self._records(pathlib.Path(file).expanduser()) if file else None for part, file in files.items()}
        )

    def _records(self, file: pathlib.Path) -> list[NamedText]:
        records: list[NamedText] = []
        label, place, pieces = "", "", []

        def finish() -> None:
            if place and not pieces:
                raise DataError(f"{place}: there is no sequence after this header", hint="give it one, or delete it")
            if place:
                records.append(NamedText("".join(pieces).upper(), label, place))

        for number, line in enumerate(read_lines(file), 1):
            line = line.strip()
            if line.startswith(">"):
                finish()
                match = self.label.search(line)
                if match is None or not match[1]:
                    raise DataError(
                        f"{file}:{number}: no class is found in the header {line[:80]!r}",
                        hint=f"the class is what the group of label={self.label.pattern} finds",
                    )
                label, place, pieces = match[1], f"{file}:{number}", []
            elif line and not line.startswith(";"):
                if not place:
                    raise DataError(f"{file}:{number}: there is no header before this line", hint="begin with >name")
                if not _LETTERS.fullmatch(line):
                    raise DataError(f"{file}:{number}: {line[:80]!r} is not a row of letters", hint="mend the line")
                pieces.append(line)
        finish()
        return records
