"""Running text of your own: a file, or a folder of files."""

from __future__ import annotations

import pathlib
from typing import Self

from ...core.arguments import Probability
from ...core.errors import ArgumentError
from ..corpus import Parts
from ..holding_out import cut_end
from ..reader import RunningTextReader
from ..text_files import find_text_files, read_text


class TextFile(RunningTextReader):
    """Your own running text: one file, or every file of a folder in the order of their names, plain or gzip.

    The last characters of the whole text are held out; where a cut falls into a document, it is divided.

    Args:
        path: the file or the folder.
        validation: the share of the characters that is held out for validation.
        test: the share after it, at the end, that is held out as test part.
        pattern: what names of files in a folder look like.
        encoding: of the files.
    """

    name = "text-file"

    def __init__(
        self,
        path: str,
        validation: Probability = 0.1,
        test: Probability = 0.0,
        pattern: str = "*.txt",
        encoding: str = "utf-8",
    ) -> None:
        self.path, self.validation, self.test = pathlib.Path(path).expanduser(), validation, test
        self.pattern, self.encoding = pattern, encoding
        if validation + test >= 1:
            message = f"validation {validation:g} and test {test:g} leave nothing to train on"
            raise ArgumentError(message, hint="let them be less than 1 together", path=("validation",))

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Two files of forty lines of counted sheep."""
        for name in ("one", "two"):
            lines = [f"{number} sheep went over the fence.\n" for number in range(1, 41)]
            (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
        return cls(path=str(folder), test=0.1)

    def read(self) -> Parts[str]:
        """Each part is a list of documents: one a file, or a piece of one."""
        notes: list[str] = []
        files = find_text_files(self.path, self.pattern, notes)
        documents = [read_text(file, self.encoding) for file in files]
        return text_parts(documents, self.validation, self.test, notes)


def text_parts(documents: list[str], validation: float, test: float, notes: list[str]) -> Parts[str]:
    """``documents`` with shares held out from the end; parts of share 0 are None."""
    train, held_out, last = cut_end(documents, validation, test)
    return Parts(train, held_out or None, last or None, notes=tuple(notes))
