"""The symbols of a text and their numbers."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from ..core.errors import DataError

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<s>", "</s>"


class Vocabulary:
    """Symbols in order; the number of a symbol is its place.

    The special symbols come first: `pad`, always number 0 (padding of batches, and the blank of CTC), then `unknown`,
    `begin` and `end` where asked for. A token of a text that is merely spelled like ``<pad>``, ``<s>`` or ``</s>`` is
    an ordinary token, so that no text can end a sentence early; ``<unk>`` in a text is the unknown symbol.

    Args:
        symbols: the ordinary symbols, without repetition.
        unknown: whether symbols that are not listed become ``<unk>``; otherwise they are an error.
        begin, end: whether there are symbols for the begin and the end of a sentence.

    Attributes:
        pad, unknown, begin, end: numbers of the special symbols; None for one that is not there.
        symbols: all symbols, the special ones included.

    Raises:
        DataError: a symbol is listed twice.
    """

    pad = 0

    def __init__(self, symbols: Iterable[str], *, unknown: bool = True, begin: bool = False, end: bool = False) -> None:
        asked_for = [PAD, *[name for name, wanted in ((UNKNOWN, unknown), (BEGIN, begin), (END, end)) if wanted]]
        place = {name: number for number, name in enumerate(asked_for)}
        self.unknown, self.begin, self.end = place.get(UNKNOWN), place.get(BEGIN), place.get(END)
        self.symbols: tuple[str, ...] = (*asked_for, *symbols)
        self._special = len(asked_for)
        self._numbers = _Numbers(self.unknown)
        if self.unknown is not None:
            self._numbers[UNKNOWN] = self.unknown
        for number, symbol in enumerate(self.symbols[self._special :], self._special):
            if symbol in self._numbers:
                raise DataError(f"the symbol {symbol!r} is listed twice", hint="list every symbol of a vocabulary once")
            self._numbers[symbol] = number

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sequence[str]],
        *,
        minimum: int = 1,
        size: int | None = None,
        unknown: bool = True,
        begin: bool = False,
        end: bool = False,
    ) -> Self:
        """The symbols of ``sentences``, the most frequent first, equally frequent ones in the order of their spelling.

        Args:
            sentences: lists of tokens.
            minimum: leave out symbols that occur less often.
            size: keep at most so many ordinary symbols.
            unknown, begin, end: as in the constructor.

        Raises:
            DataError: there is no symbol, or some are left out although nothing stands for them.
        """
        counts: collections.Counter[str] = collections.Counter()
        for sentence in sentences:
            counts.update(sentence)
        if unknown:
            counts.pop(UNKNOWN, None)
        kept = sorted((symbol for symbol in counts if counts[symbol] >= minimum), key=lambda s: (-counts[s], s))[:size]
        if not kept:
            raise DataError("there is no symbol to make a vocabulary of", hint="are the texts empty?")
        if len(kept) < len(counts) and not unknown:
            raise DataError(
                f"{len(counts) - len(kept)} symbols are too rare for the vocabulary, and none stands for them",
                hint="let the vocabulary have an unknown symbol, or keep every symbol",
            )
        return cls(kept, unknown=unknown, begin=begin, end=end)

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._numbers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.content() == other.content()

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The number of each token.

        Raises:
            DataError: a token is not in the vocabulary and there is no unknown symbol; names it.
        """
        return list(map(self._numbers.__getitem__, tokens))

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """The symbol of each number.

        Raises:
            DataError: a number outside 0 .. size - 1; names it.
        """
        symbols = self.symbols
        wanted = [int(number) for number in ids]
        for number in wanted:
            if not 0 <= number < len(symbols):
                raise DataError(
                    f"there is no symbol {number}: the vocabulary has {len(symbols)}",
                    hint="do model and vocabulary belong to the same run?",
                )
        return [symbols[number] for number in wanted]

    def is_special(self, number: int) -> bool:
        """Whether ``number`` is padding, begin or end: what a reader of the text never sees."""
        return number in (self.pad, self.begin, self.end)

    def content(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return {
            "symbols": list(self.symbols[self._special :]),
            "unknown": self.unknown is not None,
            "begin": self.begin is not None,
            "end": self.end is not None,
        }

    @classmethod
    def from_content(cls, content: Any, place: str = "the vocabulary") -> Self:
        """The vocabulary that `content` described; ``place`` names the file in messages.

        Raises:
            DataError: it is not the description of a vocabulary.
        """
        hint = "it is written by a training run: copy it again from there"
        if not isinstance(content, Mapping) or set(content) != {"symbols", "unknown", "begin", "end"}:
            raise DataError(f"{place} is not a vocabulary", hint=hint)
        symbols, flags = content["symbols"], {key: content[key] for key in ("unknown", "begin", "end")}
        if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
            raise DataError(f"{place} does not hold a list of symbols", hint=hint)
        if not all(isinstance(flag, bool) for flag in flags.values()):
            raise DataError(f"{place} does not say which special symbols there are", hint=hint)
        return cls(symbols, **flags)


class _Numbers(dict[str, int]):
    """Symbol -> number; what is not there is the unknown symbol or an error."""

    def __init__(self, unknown: int | None) -> None:
        super().__init__()
        self._unknown = unknown

    def __missing__(self, symbol: str) -> int:
        if self._unknown is None:
            raise DataError(
                f"the symbol {symbol!r} is not in the vocabulary", hint="let the vocabulary have an unknown symbol"
            )
        return self._unknown
