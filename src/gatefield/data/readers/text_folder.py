"""Labelled texts of your own in a folder: a folder a class, or a file a class."""

from __future__ import annotations

import pathlib
from typing import Literal, Self

from ...core.errors import DataError
from ..corpus import LabelledText, Parts
from ..labels import NamedText, numbered, without_empty
from ..part_folders import part_folders, subfolders
from ..reader import LabelledTextReader
from ..text_files import find_text_files, is_within, read_lines, read_text


class TextFolder(LabelledTextReader):
    """Your own labelled texts: ``folder/good/1.txt``, one text a file, or ``folder/good.txt``, one text a line.

    With parts: ``folder/train/good/1.txt`` and likewise ``val`` (or ``valid``, ``validation``, ``dev``) and ``test``.

    Args:
        path: the folder.
        layout: whether each class is a folder of files or a file of lines; ``auto``: folders where there are any.
        pattern: what names of files look like.
        encoding: of the files.
    """

    name = "text-folder"

    def __init__(
        self,
        path: str,
        layout: Literal["auto", "folders", "files"] = "auto",
        pattern: str = "*.txt",
        encoding: str = "utf-8",
    ) -> None:
        self.path, self.layout = pathlib.Path(path).expanduser(), layout
        self.pattern, self.encoding = pattern, encoding

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Three training and two test texts in each of two classes."""
        for part, count in (("train", 3), ("test", 2)):
            for label in ("good", "bad"):
                (folder / part / label).mkdir(parents=True, exist_ok=True)
                for number in range(count):
                    (folder / part / label / f"{number}.txt").write_text(f"it is {label}\nno. {number}\n")
        return cls(path=str(folder))

    def read(self) -> Parts[LabelledText]:
        """The parts that the folder has; only the training part where it has none."""
        notes: list[str] = []
        parts = {part: self._texts(folder, notes) for part, folder in part_folders(self.path).items()}
        return numbered(parts, notes)

    def _texts(self, folder: pathlib.Path, notes: list[str]) -> list[NamedText]:
        classes = subfolders(folder)
        if self.layout == "folders" or (self.layout == "auto" and classes):
            if not classes:
                raise DataError(f"{folder} has no folders", hint="put the texts of each class into a folder")
            files = [(found, child.name) for child in classes for found in find_text_files(child, self.pattern, notes)]
            texts = [NamedText(read_text(file, self.encoding), label, str(file)) for file, label in files]
        else:
            texts = class_files(folder, self.pattern, self.encoding)
        return without_empty(texts, notes)


def class_files(folder: pathlib.Path, pattern: str, encoding: str = "utf-8") -> list[NamedText]:
    """The lines of each file in ``folder``, labelled with its name without the ending.

    Raises:
        DataError: there is no such file, or one cannot be read.
    """
    files = [file for file in sorted(folder.glob(pattern)) if file.is_file() and is_within(file, folder)]
    if not files:
        raise DataError(f"{folder} holds no file named like {pattern}", hint="give one file of lines for each class")
    return [
        NamedText(line, file.name.split(".")[0], f"{file}:{number}")
        for file in files
        for number, line in enumerate(read_lines(file, encoding), 1)
    ]
