"""English EWT of Universal Dependencies: tagged sentences of the web."""

from __future__ import annotations

import pathlib
from typing import Self

from ..corpus import Parts, TaggedSentence
from ..fetch import Download
from ..published import published_folder
from ..reader import TaggedReader
from ..tags import tagged_parts
from .conll_u import Column, files_of_parts, read_conll_u, write_sample

_FOLDER = (
    "https://raw.githubusercontent.com/UniversalDependencies/UD_English-EWT/15d613d8447b3478787d4c278730a1e48a945efb"
)


def _file(part: str, sha256: str, size: int) -> Download:
    name = f"en_ewt-ud-{part}.conllu"
    return Download(name, [f"{_FOLDER}/{name}"], f"sha256:{sha256}", size)


class UdEnglishEwt(TaggedReader):
    """12,544 / 2,001 / 2,077 sentences of weblogs, newsgroups, mails, reviews and answers: 204,577 words to train on.

    Args:
        path: the folder of the three files.
        column: what the tags are: universal or language-specific part of speech, features, relation, lemma.

    Reference: Silveira et al. (2014), A gold standard dependency corpus for English.
    """

    name = "ud-english-ewt"
    folder = "ud-english-ewt"
    licence = "CC BY-SA 4.0"
    homepage = "https://universaldependencies.org/treebanks/en_ewt"
    downloads = (
        _file("train", "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b", 14203025),
        _file("dev", "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6", 1805545),
        _file("test", "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd", 1804515),
    )

    def __init__(self, path: str | None = None, column: Column = "upos") -> None:
        self.path = path
        self.column: Column = column

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Three, two and two sentences."""
        for part, count in (("train", 3), ("dev", 2), ("test", 2)):
            write_sample(folder / f"en_ewt-ud-{part}.conllu", count)
        return cls(path=str(folder))

    def read(self) -> Parts[TaggedSentence]:
        """The three parts."""
        files = files_of_parts(published_folder(self, self.path))
        return tagged_parts({part: read_conll_u(file, self.column) for part, file in files.items()})
