"""Words and punctuation of plain text, put together again without loss."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..tokens import Tokenizer

JOINER = "￭"  # U+FFED, the mark of OpenNMT's tokenizer
_GAP_AND_TOKEN = re.compile(r"(\s*)(\w+|[^\w\s])")


class Words(Tokenizer):
    """Runs of letters, digits and underscores, and every other sign alone: ``Wait, what?`` is ``Wait ￭, what ￭?``.

    A token that begins with ``￭`` stands without a space after the one before it; other tokens stand after one space;
    white space that is not one space between two tokens is a token a character. So every text comes back exactly.

    Args:
        lowercase: whether the text is lowered in case first.
    """

    name = "words"

    def cut(self, text: str) -> list[str]:
        tokens: list[str] = []
        add, end = tokens.append, 0
        for match in _GAP_AND_TOKEN.finditer(text):
            gap, token = match.groups()
            if gap == " " and tokens and token != JOINER:
                add(token)
            elif not gap and tokens:
                add(JOINER + token)
            else:
                tokens += gap
                add(JOINER + token if token == JOINER else token)
            end = match.end()
        tokens += text[end:]  # white space after the last token
        return tokens

    def text(self, tokens: Sequence[str]) -> str:
        parts: list[str] = []
        after_space = True
        for token in tokens:
            if token.isspace():
                parts.append(token)
                after_space = True
            elif token.startswith(JOINER):
                parts.append(token[1:])
                after_space = False
            else:
                parts.append(token if after_space else " " + token)
                after_space = False
        return "".join(parts)
