"""Treebanks in CoNLL-U, the format of Universal Dependencies."""

from __future__ import annotations

import pathlib
from typing import Literal, Self

from ...core.errors import DataError
from ..corpus import Parts, TaggedSentence
from ..reader import TaggedReader
from ..tags import tagged_parts
from ..text_files import read_lines

Column = Literal["upos", "xpos", "feats", "deprel", "lemma"]
_PLACES = {"lemma": 2, "upos": 3, "xpos": 4, "feats": 5, "deprel": 7}
_ENDINGS = {"train": "-train.conllu", "validation": "-dev.conllu", "test": "-test.conllu"}


class ConllU(TaggedReader):
    """Your own treebank in CoNLL-U, plain or gzip. Words are syntactic words.

    Lines of multi-word tokens (``1-2``) and of empty nodes (``1.1``) are passed over; their words are there too.

    Args:
        path: the file to train on; or a folder of one file each ``...-train.conllu``, ``...-dev.conllu`` and
            ``...-test.conllu``, of which only the first has to be there.
        validation, test: further files, where ``path`` is a file.
        column: what the tags are: universal or language-specific part of speech, features, relation, lemma.
    """

    name = "conll-u"

    def __init__(
        self, path: str, validation: str | None = None, test: str | None = None, column: Column = "upos"
    ) -> None:
        self.path, self.validation, self.test = path, validation, test
        self.column: Column = column

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Three sentences with a multi-word token and an empty node."""
        write_sample(folder / "train.conllu", 3)
        return cls(path=str(folder / "train.conllu"))

    def read(self) -> Parts[TaggedSentence]:
        """The parts of which there are files."""
        place = pathlib.Path(self.path).expanduser()
        if place.is_dir():
            files = files_of_parts(place)
            if self.validation or self.test:
                raise DataError(f"{place} is a folder", hint="give one file a part, or the folder alone")
        else:
            given = {"train": self.path, "validation": self.validation, "test": self.test}
            files = {part: pathlib.Path(file).expanduser() for part, file in given.items() if file}
        return tagged_parts({part: read_conll_u(file, self.column) for part, file in files.items()})


def files_of_parts(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Part -> its file in ``folder``.

    Raises:
        DataError: no training file, or two files of a part.
    """
    files: dict[str, pathlib.Path] = {}
    for part, ending in _ENDINGS.items():
        found = sorted(folder.glob(f"*{ending}"))
        if len(found) > 1:
            raise DataError(f"{found[0]} and {found[1]} are both a {part} part", hint="keep one of the two")
        if found:
            files[part] = found[0]
    if "train" not in files:
        raise DataError(f"there is no file *-train.conllu in {folder}", hint="check the folder, or give the file")
    return files


def read_conll_u(file: pathlib.Path, column: Column) -> list[TaggedSentence]:
    """The sentences of a CoNLL-U file.

    Raises:
        DataError: a line without ten columns, or words out of order; names the line.
    """
    sentences: list[TaggedSentence] = []
    words: list[str] = []
    tags: list[str] = []
    tag_place, begin = _PLACES[column], 0
    for number, line in enumerate(read_lines(file), 1):
        if line.startswith("#"):
            continue
        if not line or line.isspace():
            if words:
                sentences.append(TaggedSentence(words, tags, f"{file}:{begin}"))
                words, tags = [], []
            continue
        cells = line.split("\t")
        if len(cells) != 10:
            raise DataError(
                f"{file}:{number}: {len(cells)} columns, CoNLL-U has ten", hint="columns are separated by tabs"
            )
        name = cells[0]
        if not name.isdecimal():
            if _is_range_or_empty_node(name):
                continue
            raise DataError(f"{file}:{number}: {name!r} is not the number of a word", hint="mend the line")
        if int(name) != len(words) + 1:
            raise DataError(
                f"{file}:{number}: word {name} comes after word {len(words)}",
                hint="words count from 1, and an empty line ends a sentence",
            )
        begin = begin if words else number
        words.append(cells[1])
        tags.append(cells[tag_place])
    if words:
        sentences.append(TaggedSentence(words, tags, f"{file}:{begin}"))
    return sentences


def _is_range_or_empty_node(name: str) -> bool:
    first, mark, last = name.partition("-") if "-" in name else name.partition(".")
    return bool(mark) and first.isdecimal() and last.isdecimal()


def write_sample(file: pathlib.Path, count: int) -> None:
    """``count`` sentences of five words, with a multi-word token and an empty node."""
    words = [("We", "PRON"), ("do", "AUX"), ("n't", "PART"), ("know", "VERB"), (".", "PUNCT")]
    lines = []
    for number in range(count):
        lines.append(f"# sent_id = {number}")
        for place, (word, tag) in enumerate(words, 1):
            if place == 2:
                lines.append("\t".join(["2-3", "don't", *"________"]))
            lines.append("\t".join([str(place), word, word.lower(), tag, tag[:2], "_", "0", "dep", "_", "_"]))
        lines += ["\t".join(["5.1", "_", *"________"]), ""]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
