"""Sentences of film reviews, favourable or not."""

from __future__ import annotations

import pathlib
from typing import Self

from ...core.arguments import Probability
from ..corpus import LabelledText, Parts
from ..holding_out import hold_out
from ..labels import NamedText, numbered
from ..published import published_folder, require_file
from ..reader import LabelledTextReader
from ..text_files import read_lines

_CLASSES = {"negative": "rt-polarity.neg", "positive": "rt-polarity.pos"}


class RtPolarity(LabelledTextReader):
    """5,331 unfavourable and as many favourable sentences of film reviews, tokenized and in lower case.

    The files are Latin-1 and hold NEL characters within lines.

    Args:
        path: the folder of the two files.
        test: the share held out as test part, of both classes; 0 for none. Equal sentences stay together.

    Reference: Pang and Lee (2005), Seeing stars.
    """

    name = "rt-polarity"
    folder = "rt-polarity"
    licence = "none stated; the authors ask to cite Pang and Lee (2005)"
    homepage = "https://www.cs.cornell.edu/people/pabo/movie-review-data/"

    def __init__(self, path: str | None = None, test: Probability = 0.1) -> None:
        self.path, self.test = path, test

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Twelve sentences of each class."""
        for label, file in _CLASSES.items():
            lines = [f"film no. {number} is a {label} caf\xe9 \x85 story . \n" for number in range(12)]
            (folder / file).write_bytes("".join(lines).encode("latin-1"))
        return cls(path=str(folder))

    def read(self) -> Parts[LabelledText]:
        """Training and test part, classes ``negative`` and ``positive``."""
        folder = published_folder(self, self.path)
        files = {label: require_file(self, folder, file) for label, file in _CLASSES.items()}
        sentences = [
            NamedText(line.rstrip(), label, f"{file}:{number}")
            for label, file in files.items()
            for number, line in enumerate(read_lines(file, "latin-1"), 1)
        ]
        train, test = hold_out(sentences, self.test, same=lambda item: item.text, stratum=lambda item: item.label)
        return numbered({"train": train, "test": test}, classes=list(_CLASSES))
