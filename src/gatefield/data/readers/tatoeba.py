"""Sentence pairs of the Tatoeba project, English and German."""

from __future__ import annotations

import pathlib
from typing import Literal, Self

from ...core.arguments import Probability
from ..corpus import Parts, TextPair
from ..holding_out import hold_out
from ..pairs import reversed_pairs
from ..published import published_folder, require_file
from ..reader import PairReader
from .pair_lines import read_pair_lines


class Tatoeba(PairReader):
    """Short everyday sentences in English and German, from short to long, collected by volunteers.

    An English sentence with several translations is held out with all of them.

    Args:
        path: the file ``deu.txt``, or its folder.
        source: which of the two languages is translated.
        test: the share of the pairs held out as test part; 0 for none.
    """

    name = "tatoeba"
    folder = "tatoeba-en-de"
    licence = "CC BY 2.0 FR; attribution: tatoeba.org and manythings.org/anki"
    homepage = "https://www.manythings.org/anki/"

    def __init__(self, path: str | None = None, source: Literal["en", "de"] = "en", test: Probability = 0.05) -> None:
        self.path, self.source, self.test = path, source, test

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Forty pairs in the form of today's files, with the attribution as third column."""
        lines = [f"{number} sheep.\t{number} Schafe.\tCC-BY 2.0\n" for number in range(2, 42)]
        (folder / "deu.txt").write_text("".join(lines), encoding="utf-8")
        return cls(path=str(folder))

    def read(self) -> Parts[TextPair]:
        """Training and test part."""
        file = require_file(self, published_folder(self, self.path), "deu.txt")
        notes: list[str] = []
        pairs = read_pair_lines(file, notes)
        train, test = hold_out(pairs, self.test, same=lambda pair: pair.source)
        if self.source == "de":
            train, test = reversed_pairs(train), None if test is None else reversed_pairs(test)
        return Parts(train, None, test, notes=tuple(notes))
