"""Tiny Shakespeare: the text of Karpathy's character models."""

from __future__ import annotations

import pathlib
from typing import Self

from ...core.arguments import Probability
from ..corpus import Parts
from ..fetch import Download
from ..published import published_folder, require_file
from ..reader import RunningTextReader
from ..text_files import read_text
from .text_file import text_parts

_COMMIT = "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"


class TinyShakespeare(RunningTextReader):
    """40,000 lines from Shakespeare's plays: 1,115,394 characters, 65 different ones.

    Held out as usual with this text: the last tenth, for validation.

    Args:
        path: the file ``input.txt``, or its folder.
        validation: the share of the characters at the end that is held out for validation.

    Reference: Karpathy (2015), The unreasonable effectiveness of recurrent neural networks.
    """

    name = "tiny-shakespeare"
    folder = "tinyshakespeare"
    licence = "the text is in the public domain"
    homepage = "https://github.com/karpathy/char-rnn"
    reference = "catalogue 184"
    downloads = (
        Download(
            "input.txt",
            [f"https://raw.githubusercontent.com/karpathy/char-rnn/{_COMMIT}/data/tinyshakespeare/input.txt"],
            "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            1115394,
        ),
    )

    def __init__(self, path: str | None = None, validation: Probability = 0.1) -> None:
        self.path, self.validation = path, validation

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Twenty lines of a dialogue."""
        lines = "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n\n" * 4
        (folder / "input.txt").write_text(lines, encoding="utf-8")
        return cls(path=str(folder))

    def read(self) -> Parts[str]:
        """Training and validation part, one document each."""
        file = require_file(self, published_folder(self, self.path), "input.txt")
        return text_parts([read_text(file)], self.validation, 0.0, [])
