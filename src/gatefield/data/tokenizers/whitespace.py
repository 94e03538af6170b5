"""Texts that are tokenized already: tokens stand between spaces."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..tokens import Tokenizer

_AROUND_LINE_ENDS = re.compile(r" ?\n ?")


class Whitespace(Tokenizer):
    """What stands between white space, for texts that were tokenized before (WikiText, treebanks, DNA words).

    How much and what white space there was is forgotten, but for line ends.

    Args:
        line_ends: whether a line end (LF) is a token of its own, as ``<eos>`` is in the counts published of WikiText.
        lowercase: whether the text is lowered in case first.
    """

    name = "whitespace"
    exact = False

    def __init__(self, line_ends: bool = True, lowercase: bool = False) -> None:
        super().__init__(lowercase)
        self.line_ends = line_ends

    def cut(self, text: str) -> list[str]:
        if not self.line_ends or "\n" not in text:
            return text.split()
        lines = text.split("\n")
        tokens = lines[0].split()
        for line in lines[1:]:
            tokens.append("\n")
            tokens += line.split()
        return tokens

    def text(self, tokens: Sequence[str]) -> str:
        return _AROUND_LINE_ENDS.sub("\n", " ".join(tokens))
