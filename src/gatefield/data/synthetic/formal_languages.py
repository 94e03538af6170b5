"""Words of formal languages that need counters or a stack: a^n b^n, a^n b^n c^n, and Dyck's brackets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...core.errors import ArgumentError
from ...core.seeding import generator

BRACKETS = ("()", "[]", "{}", "<>")


def counted(n: int, letters: str = "ab") -> str:
    """The word in which every letter stands n times, in their order: ``counted(2, "abc")`` is aabbcc.

    Raises:
        ArgumentError: a negative n, or no letters.

    Source: Gers and Schmidhuber (2001); Weiss, Goldberg and Yahav (2018), section 5.
    """
    if n < 0 or not letters:
        raise ArgumentError(f"n = {n} of the letters {letters!r}", hint="give n >= 0 and some letters", path=("n",))
    return "".join(letter * n for letter in letters)


def counted_words(count: int, largest: int, letters: str = "ab", smallest: int = 1, seed: int = 0) -> list[str]:
    """``count`` words of a^n b^n (or a^n b^n c^n), with n from smallest to largest, all alike.

    Raises:
        ArgumentError: a smallest below 0 or above the largest, or a negative count.
    """
    if not 0 <= smallest <= largest:
        message = f"n from {smallest} to {largest}"
        raise ArgumentError(message, hint="give 0 <= smallest <= largest", path=("smallest",))
    if count < 0:
        raise ArgumentError(f"{count} words", hint="give 0 or more", path=("count",))
    drawn = torch.randint(smallest, largest + 1, (count,), generator=generator(seed, "counted", letters))
    return [counted(n, letters) for n in drawn.tolist()]


def dyck_words(count: int, pairs: int, kinds: int = 2, deepest: int | None = None, seed: int = 0) -> list[str]:
    """``count`` balanced words of ``pairs`` pairs of brackets of ``kinds`` kinds.

    Without a bound on the depth all words are alike: the probability that the next bracket opens is the share of all
    completions that begin so (the ballot numbers). With one, likewise among the words that keep it.

    Args:
        count: how many.
        pairs: in each word.
        kinds: 1 to 4: (), [], {}, <>.
        deepest: the most brackets that are open at once; None: any.
        seed: of everything.

    Raises:
        ArgumentError: a number that cannot be.

    Source: Chomsky and Schuetzenberger (1963) for the language; drawn as by Arnold and Sleep (1980).
    """
    limit = pairs if deepest is None else deepest
    for name, value, least, most in (
        ("count", count, 0, None),
        ("pairs", pairs, 0, None),
        ("kinds", kinds, 1, len(BRACKETS)),
        ("deepest", limit, min(pairs, 1), None),
    ):
        if value < least or (most is not None and value > most):
            hint = f"give at least {least}" if most is None else f"give {least} to {most}"
            raise ArgumentError(f"{name} is {value}", hint=hint, path=(name,))
    source = generator(seed, "dyck", pairs, kinds, limit)
    completions = _completions(pairs, limit)
    chances = torch.rand(count, 2 * pairs, generator=source, dtype=torch.float64).tolist()
    chosen = torch.randint(0, kinds, (count, 2 * pairs), generator=source).tolist()
    return [_word(chance, kind, completions) for chance, kind in zip(chances, chosen)]


def _completions(pairs: int, deepest: int) -> list[list[int]]:
    """How many ways lead from a depth to 0: ``[steps left][depth]``."""
    table = [[1] + [0] * (deepest + 1)]
    for _ in range(2 * pairs):
        last = table[-1]
        row = [(last[d + 1] if d < deepest else 0) + (last[d - 1] if d else 0) for d in range(deepest + 1)]
        table.append([*row, 0])
    return table


def _word(chances: list[float], kinds: list[int], completions: list[list[int]]) -> str:
    word, stack = "", []
    for left, (chance, kind) in zip(range(len(chances) - 1, -1, -1), zip(chances, kinds)):
        depth = len(stack)
        opening = completions[left][depth + 1] if depth + 1 < len(completions[left]) else 0
        closing = completions[left][depth - 1] if depth else 0
        if chance * (opening + closing) < opening:
            stack.append(kind)
            word += BRACKETS[kind][0]
        else:
            word += BRACKETS[stack.pop()][1]
    return word


def next_symbols(word: str) -> list[set[str]]:
    """What may follow each prefix of a word of brackets, the empty one first: any opening one, and the one that closes.

    Raises:
        ArgumentError: a word that is not balanced, or of other symbols.
    """
    closers = {pair[0]: pair[1] for pair in BRACKETS}
    stack: list[str] = []
    allowed = [set(closers)]
    for place, symbol in enumerate(word):
        if symbol in closers:
            stack.append(closers[symbol])
        elif not stack or stack.pop() != symbol:
            raise ArgumentError(f"{symbol!r} at place {place} closes nothing", hint="give a balanced word of ()[]{}<>")
        allowed.append(set(closers) | set(stack[-1:]))
    return allowed


def as_ids(words: Sequence[str], symbols: str, first: int = 1) -> tuple[Tensor, Tensor]:
    """Words as numbers, int64 (rows, longest), 0 where a row has ended; and their lengths, int64 (rows,).

    Args:
        words: any.
        symbols: the first has the number ``first``, and so on.
        first: number of the first symbol; 0 stays free for padding.

    Raises:
        ArgumentError: a symbol that is not among ``symbols``.
    """
    numbers = {symbol: first + place for place, symbol in enumerate(symbols)}
    unknown = sorted(set("".join(words)) - set(numbers))
    if unknown:
        raise ArgumentError(f"{unknown[0]!r} is not among the symbols", hint=f"known are {symbols!r}", path=("words",))
    lengths = torch.tensor([len(word) for word in words], dtype=torch.int64)
    ids = torch.zeros(len(words), int(lengths.max()) if len(words) else 0, dtype=torch.int64)
    for row, word in enumerate(words):
        ids[row, : len(word)] = torch.tensor([numbers[symbol] for symbol in word], dtype=torch.int64)
    return ids, lengths
