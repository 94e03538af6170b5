"""Tagged text in columns, one word a line: the format of the CoNLL tasks."""

from __future__ import annotations

import pathlib
import re
from typing import Literal, Self

from ...core.arguments import PositiveInt
from ...core.errors import DataError
from ..corpus import Parts, TaggedSentence
from ..reader import TaggedReader
from ..tags import begun, tagged_parts
from ..text_files import read_lines

Separator = Literal["whitespace", "tab", "space", "comma"]
_SEPARATORS = {"whitespace": re.compile("[ \t]+"), "tab": re.compile("\t"), "space": re.compile(" ")}
_SEPARATORS["comma"] = re.compile(",")
_DOCUMENT = "-DOCSTART-"


class Conll(TaggedReader):
    """Your own tagged text in columns, plain or gzip: a word and its tags on each line, empty lines between sentences.

    Args:
        path: the file to train on.
        validation, test: files of the same form, where there are some.
        word: the column of the word, from 1.
        tag: the column of the tag, from 1; the last if None.
        separator: what separates columns; ``whitespace`` is any number of spaces and tabs.
        scheme: ``bio``: tags are O, B-x and I-x, and an I-x that begins a span is read as B-x; ``any``: as they are.
        encoding: of the files.
    """

    name = "conll"

    def __init__(
        self,
        path: str,
        validation: str | None = None,
        test: str | None = None,
        word: PositiveInt = 1,
        tag: PositiveInt | None = None,
        separator: Separator = "whitespace",
        scheme: Literal["bio", "any"] = "bio",
        encoding: str = "utf-8",
    ) -> None:
        self.path, self.validation, self.test = path, validation, test
        self.word, self.tag, self.separator, self.scheme, self.encoding = word, tag, separator, scheme, encoding

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Four sentences with the name of a place in two words."""
        sentence = "We\tO\nlike\tO\nNew\tB-place\nYork\tI-place\n\n"
        (folder / "train.conll").write_text(sentence * 4, encoding="utf-8")
        return cls(path=str(folder / "train.conll"))

    def read(self) -> Parts[TaggedSentence]:
        """The parts of which there are files."""
        given = {"train": self.path, "validation": self.validation, "test": self.test}
        notes: list[str] = []
        return tagged_parts(
            {
                part: self.sentences(pathlib.Path(file).expanduser(), notes)
                for part, file in given.items()
                if file is not None
            },
            notes,
        )

    def sentences(self, file: pathlib.Path, notes: list[str]) -> list[TaggedSentence]:
        """The sentences of ``file``.

        Raises:
            DataError: a line with too few columns or another number than the first, or a tag that is not BIO; names it.
        """
        sentences: list[TaggedSentence] = []
        words: list[str] = []
        tags: list[str] = []
        width, begin, changed = 0, 0, 0
        split = _SEPARATORS[self.separator].split
        last = max(self.word, self.tag or 2)
        for number, line in enumerate([*read_lines(file, self.encoding), ""], 1):
            if line and not line.isspace():
                cells = split(line.rstrip() if self.separator == "whitespace" else line)
                if cells[0] == _DOCUMENT:
                    continue
                width = width or len(cells)
                if len(cells) != width or len(cells) < last:
                    wanted = width if len(cells) != width else last
                    raise DataError(
                        f"{file}:{number}: {len(cells)} columns, {wanted} are wanted",
                        hint=f"columns are separated by {self.separator}: mend the line, or set the separator",
                    )
                begin = begin if words else number
                words.append(cells[self.word - 1])
                tags.append(cells[-1 if self.tag is None else self.tag - 1])
            elif words:
                if self.scheme == "bio":
                    tags, mended = begun(tags, [f"{file}:{begin + place}" for place in range(len(tags))])
                    changed += mended
                sentences.append(TaggedSentence(words, tags, f"{file}:{begin}"))
                words, tags = [], []
        if changed:
            notes.append(f"{file}: read {changed} tags I-x at the begin of a span as B-x")
        return sentences
