"""WNUT 2017: emerging and rare names in noisy text."""

from __future__ import annotations

import pathlib
from typing import Self

from ..corpus import Parts, TaggedSentence
from ..fetch import Download
from ..published import published_folder, require_file
from ..reader import TaggedReader
from ..tags import tagged_parts
from .conll import Conll

_FOLDER = "https://raw.githubusercontent.com/leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603"
_FILES = {"train": "wnut17train.conll", "validation": "emerging.dev.conll", "test": "emerging.test.annotated"}


def _file(part: str, sha256: str, size: int) -> Download:
    return Download(_FILES[part], [f"{_FOLDER}/{_FILES[part]}"], f"sha256:{sha256}", size)


class Wnut17(TaggedReader):
    """3,394 / 1,009 / 1,287 messages with names of six kinds, 1,975 / 836 / 1,079 in all, as BIO tags.

    The test part is the gold file, ``emerging.test.annotated``; the other one has several tags on some words.

    Args:
        path: the folder of the three files.

    Reference: Derczynski, Nichols, van Erp and Limsopatham (2017), WNUT2017 shared task.
    """

    name = "wnut17"
    folder = "wnut17"
    licence = "CC BY 4.0"
    homepage = "https://github.com/leondz/emerging_entities_17"
    downloads = (
        _file("train", "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5", 493781),
        _file("validation", "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8", 114749),
        _file("test", "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0", 192425),
    )

    def __init__(self, path: str | None = None) -> None:
        self.path = path

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Four messages a part."""
        for file in _FILES.values():
            (folder / file).write_text("I\tO\n<3\tO\nEmpire\tB-location\nState\tI-location\n\n" * 4, encoding="utf-8")
        return cls(path=str(folder))

    def read(self) -> Parts[TaggedSentence]:
        """The three parts."""
        folder = published_folder(self, self.path)
        notes: list[str] = []
        parts = {}
        for part, name in _FILES.items():
            file = require_file(self, folder, name)
            parts[part] = Conll(path=str(file), separator="tab").sentences(file, notes)
        return tagged_parts(parts, notes)
