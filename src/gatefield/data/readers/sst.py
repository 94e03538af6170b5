"""The Stanford Sentiment Treebank: sentences of film reviews with the mood of every phrase."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from typing import Literal, Self

from ...core.errors import DataError
from ..corpus import LabelledText, Parts
from ..labels import NamedText, numbered
from ..published import published_folder
from ..reader import LabelledTextReader
from ..text_files import read_lines

_CLASSES = ["very negative", "negative", "neutral", "positive", "very positive"]
_PARTS = {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"}
_SYMBOL = re.compile(r"[()]|[^()\s]+")
_BRACKETS = {"-LRB-": "(", "-RRB-": ")"}


class Sst(LabelledTextReader):
    """8,544 / 1,101 / 2,210 sentences of film reviews in five classes, with the class of each phrase in them.

    Args:
        path: the folder ``trees``, or the folder that holds it.
        classes: 5; or 2: neutral ones are left out, 6,920 / 872 / 1,821 sentences remain.
        phrases: whether every phrase is a training text too, each different one once; validation and test part are
            whole sentences always.

    Reference: Socher et al. (2013), Recursive deep models for semantic compositionality over a sentiment treebank.
    """

    name = "sst"
    folder = "sst"
    licence = "none stated; the authors ask to cite Socher et al. (2013)"
    homepage = "https://nlp.stanford.edu/sentiment/"

    def __init__(self, path: str | None = None, classes: Literal[5, 2] = 5, phrases: bool = False) -> None:
        self.path, self.classes, self.phrases = path, classes, phrases

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Five trees a part."""
        for file in _PARTS.values():
            trees = [f"({mood} (2 It) ({mood} (2 is) ({mood} {word})))" for mood, word in enumerate("abcde")]
            (folder / file).write_text("\n".join(trees) + "\n", encoding="utf-8")
        return cls(path=str(folder))

    def read(self) -> Parts[LabelledText]:
        """The three parts."""
        folder = published_folder(self, self.path)
        folder = folder / "trees" if (folder / "trees").is_dir() else folder
        parts = {part: list(self._texts(folder / file, part)) for part, file in _PARTS.items()}
        return numbered(parts, classes=_CLASSES if self.classes == 5 else ["negative", "positive"])

    def _texts(self, file: pathlib.Path, part: str) -> Iterator[NamedText]:
        every = self.phrases and part == "train"
        met: set[tuple[str, str]] = set()
        for number, line in enumerate(read_lines(file), 1):
            if not line.strip():
                continue
            place = f"{file}:{number}"
            phrases = parse_tree(line, place)
            for mood, words in phrases if every else phrases[-1:]:
                label = self._label(mood)
                text = " ".join(words)
                if label is not None and not (every and (text, label) in met):
                    met.add((text, label))
                    yield NamedText(text, label, place)

    def _label(self, mood: int) -> str | None:
        if self.classes == 5:
            return _CLASSES[mood]
        return None if mood == 2 else "negative" if mood < 2 else "positive"


def parse_tree(line: str, place: str) -> list[tuple[int, list[str]]]:
    """(mood 0 .. 4, words) of every phrase of a tree ``(3 (2 It) (4 works))``, the whole sentence last.

    Raises:
        DataError: it is not one whole tree of such phrases; ``place`` is named.
    """
    words: list[str] = []
    found: list[tuple[int, list[str]]] = []
    open_phrases: list[tuple[int, int]] = []  # mood, number of words before
    symbols = _SYMBOL.findall(line)
    places = iter(range(len(symbols)))
    for at in places:
        symbol = symbols[at]
        if symbol == "(" and at + 1 < len(symbols) and symbols[at + 1] in ("0", "1", "2", "3", "4"):
            if not open_phrases and found:
                break
            open_phrases.append((int(symbols[at + 1]), len(words)))
            next(places)
        elif symbol == ")" and open_phrases and open_phrases[-1][1] < len(words):
            mood, first = open_phrases.pop()
            found.append((mood, words[first:]))
        elif symbol not in "()" and open_phrases:
            words.append(_BRACKETS.get(symbol, symbol))
        else:
            break
    else:
        if found and not open_phrases:
            return found
    raise DataError(f"{place} is not one tree of phrases with moods 0 to 4", hint="write it as: (3 (2 It) (4 works))")
