"""The molecular biology sets of the UCI repository: promoters and splice junctions of DNA."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import ClassVar, Self

from ...core.arguments import Probability
from ...core.errors import DataError
from ..corpus import LabelledText, Parts
from ..holding_out import hold_out
from ..labels import NamedText, numbered
from ..published import published_folder, require_file
from ..reader import LabelledTextReader
from ..text_files import read_lines


class UciDna(LabelledTextReader):
    """Base of the readers of rows ``class, name, sequence``; white space means nothing, letters become capitals.

    Args:
        path: the file, or its folder.
        test: the share held out as test part, of every class; 0 for none. Equal sequences stay together.
    """

    folder = "dna"
    licence = "CC BY 4.0 (UCI Machine Learning Repository)"
    file: ClassVar[str] = ""
    classes: ClassVar[Mapping[str, str]] = {}

    def __init__(self, path: str | None = None, test: Probability = 0.2) -> None:
        self.path, self.test = path, test

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Eight sequences of each class."""
        signs = "acgt"
        rows = [
            f"{sign}, N{number},\t\t{signs[kind % 4] * 4}{signs[number % 4] * 3}{signs[number // 4] * 2}\n"
            for kind, sign in enumerate(cls.classes)
            for number in range(8)
        ]
        (folder / cls.file).write_text("".join(rows), encoding="utf-8")
        return cls(path=str(folder))

    def read(self) -> Parts[LabelledText]:
        """Training and test part."""
        file = require_file(self, published_folder(self, self.path), self.file)
        sequences = []
        for number, line in enumerate(read_lines(file), 1):
            cells = [cell.strip() for cell in line.split(",")]
            if cells == [""]:
                continue
            if len(cells) != 3 or cells[0] not in self.classes or not cells[2].isalpha():
                raise DataError(
                    f"{file}:{number} is not a row of class, name and sequence",
                    hint=f"classes are {', '.join(self.classes)}; mend the line",
                )
            sequences.append(NamedText(cells[2].upper(), self.classes[cells[0]], f"{file}:{number}"))
        train, test = hold_out(sequences, self.test, same=lambda item: item.text, stratum=lambda item: item.label)
        return numbered({"train": train, "test": test}, classes=list(self.classes.values()))


class Promoters(UciDna):
    """106 stretches of 57 bases of E. coli, of which 53 are promoters: where the reading of a gene starts.

    Args:
        path: the file ``promoters.data``, or its folder.
        test: the share held out as test part, of both classes; 0 for none.

    Reference: Towell, Shavlik and Noordewier (1990), Refinement of approximate domain theories.
    """

    name = "promoters"
    homepage = "https://archive.ics.uci.edu/dataset/67"
    reference = "catalogue 53"
    file = "promoters.data"
    classes: ClassVar[Mapping[str, str]] = {"-": "no promoter", "+": "promoter"}


class Splice(UciDna):
    """3,190 stretches of 60 bases of primates: at an exon-intron border, an intron-exon border, or neither.

    The letters D, N, R and S stand for bases that are not certain.

    Args:
        path: the file ``splice.data``, or its folder.
        test: the share held out as test part, of every class; 0 for none. Equal sequences stay together.

    Reference: Noordewier, Towell and Shavlik (1991), Training knowledge-based neural networks to recognize genes.
    """

    name = "splice"
    homepage = "https://archive.ics.uci.edu/dataset/69"
    reference = "catalogue 53"
    file = "splice.data"
    classes: ClassVar[Mapping[str, str]] = {"EI": "EI", "IE": "IE", "N": "N"}
