"""One token a character."""

from __future__ import annotations

from collections.abc import Sequence

from ..tokens import Tokenizer


class Characters(Tokenizer):
    """One token a character (a Unicode code point), spaces and line ends included.

    Args:
        lowercase: whether the text is lowered in case first.
    """

    name = "characters"
    reference = "catalogue 177"

    def cut(self, text: str) -> list[str]:
        return list(text)

    def text(self, tokens: Sequence[str]) -> str:
        return "".join(tokens)
