"""Texts to numbers and back: a tokenizer and its vocabulary, saved as one JSON file."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any, Self

from ..core.errors import ArgumentError, DataError
from ..core.files import write_text
from .ragged import Ragged
from .tokens import Tokenizer
from .vocabulary import Vocabulary

_HINT = "it is written by a training run: copy it again from there"


class TextCodec:
    """What turns texts into rows of numbers, and the numbers that a model answers into text.

    Args:
        tokenizer: cuts texts; has learned what it has to.
        vocabulary: numbers the tokens.
    """

    def __init__(self, tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
        self.tokenizer, self.vocabulary = tokenizer, vocabulary

    @classmethod
    def fit(
        cls,
        tokenizer: Tokenizer,
        texts: Sequence[str],
        *,
        minimum: int = 1,
        size: int | None = None,
        unknown: bool = True,
        begin: bool = False,
        end: bool = False,
    ) -> Self:
        """Learn from the training ``texts``; the other arguments are those of `Vocabulary.build`."""
        tokenizer.learn(texts)
        known = tokenizer.symbols()
        special = {"unknown": unknown, "begin": begin, "end": end}
        if known is not None:
            if minimum > 1 or size is not None:
                raise ArgumentError(
                    f"the tokenizer '{tokenizer.name}' fixes its own vocabulary",
                    hint="leave out the smallest count and the size of the vocabulary; set them at the tokenizer",
                )
            return cls(tokenizer, Vocabulary(known, **special))
        return cls(tokenizer, Vocabulary.build(map(tokenizer.tokens, texts), minimum=minimum, size=size, **special))

    def encode(self, text: str) -> list[int]:
        """The numbers of the tokens of ``text``, between those of begin and end where the vocabulary has them."""
        vocabulary = self.vocabulary
        first = [] if vocabulary.begin is None else [vocabulary.begin]
        last = [] if vocabulary.end is None else [vocabulary.end]
        return first + vocabulary.ids(self.tokenizer.tokens(text)) + last

    def encode_all(self, texts: Iterable[str]) -> Ragged:
        """`encode` of each text, a row each."""
        return Ragged.from_rows(map(self.encode, texts))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ``ids`` up to the first end; padding and begin are passed over."""
        kept = []
        for number in map(int, ids):
            if number == self.vocabulary.end:
                break
            if not self.vocabulary.is_special(number):
                kept.append(number)
        return self.tokenizer.text(self.vocabulary.tokens(kept))

    def content(self) -> dict[str, Any]:
        """Everything that `from_content` needs, as JSON holds it."""
        return {
            "tokenizer": self.tokenizer.config(),
            "learned": self.tokenizer.learned(),
            "vocabulary": self.vocabulary.content(),
        }

    def save(self, path: pathlib.Path) -> None:
        """Write `content` to ``path``, as JSON."""
        write_text(path, json.dumps(self.content(), indent=0) + "\n")

    @classmethod
    def load(cls, path: pathlib.Path) -> Self:
        """What `save` wrote.

        Raises:
            DataError: the file is missing, damaged or something else.
        """
        try:
            content = json.loads(path.read_bytes())
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}", hint=_HINT) from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is not JSON ({error})", hint=_HINT) from error
        return cls.from_content(content, str(path))

    @classmethod
    def from_content(cls, content: Any, place: str = "the run folder") -> Self:
        """What `content` described; ``place`` names the file in messages.

        Raises:
            DataError: it is something else.
        """
        if not isinstance(content, dict) or set(content) != {"tokenizer", "learned", "vocabulary"}:
            raise DataError(f"{place} does not hold a tokenizer and a vocabulary", hint=_HINT)
        if not isinstance(content["learned"], dict):
            raise DataError(f"{place} does not hold what the tokenizer learned", hint=_HINT)
        tokenizer = Tokenizer.from_config(content["tokenizer"])
        tokenizer.restore(content["learned"])
        return cls(tokenizer, Vocabulary.from_content(content["vocabulary"], place))
