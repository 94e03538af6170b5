"""The contract of a tokenizer: text to tokens and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ..core.configurable import Configurable


class Tokenizer(Configurable):
    """Cuts a text into tokens.

    Class attributes:
        exact: whether ``text(tokens(t)) == t`` for every text, as long as nothing is lowered in case.

    Args:
        lowercase: whether the text is lowered in case first.
    """

    kind: ClassVar[str] = "tokenizer"
    package: ClassVar[str] = "gatefield.data.tokenizers"
    exact: ClassVar[bool] = True

    def __init__(self, lowercase: bool = False) -> None:
        self.lowercase = lowercase

    def tokens(self, text: str) -> list[str]:
        """The tokens of ``text``."""
        return self.cut(text.lower() if self.lowercase else text)

    def inside(self, phrase: str) -> list[str]:
        """The tokens of ``phrase`` where it stands inside a text, as words of its own."""
        return self.tokens(phrase)

    def cut(self, text: str) -> list[str]:
        """The tokens of ``text``, whose case is settled."""
        raise NotImplementedError

    def text(self, tokens: Sequence[str]) -> str:
        """The text whose tokens these are; also of tokens that a model made up."""
        raise NotImplementedError

    def learn(self, texts: Iterable[str]) -> None:
        """Learn from the training texts, where the tokenizer has something to learn."""

    def symbols(self) -> list[str] | None:
        """Every token there can be, where the tokenizer knows; otherwise those of the training texts are counted."""
        return None

    def learned(self) -> dict[str, Any]:
        """What was learned, as JSON holds it."""
        return {}

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Take up what another one `learned`.

        Raises:
            DataError: it is not of this kind of tokenizer.
        """
