"""Two texts whose lines belong together."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

from ..core.errors import DataError
from .corpus import TextPair
from .text_files import read_lines


def read_aligned(
    source: pathlib.Path, target: pathlib.Path, notes: list[str], encoding: str = "utf-8"
) -> list[TextPair]:
    """Line n of ``source`` with line n of ``target``; pairs with an empty side are left out and told in ``notes``.

    Raises:
        DataError: one file has more lines; names the first without a partner.
    """
    sources, targets = read_lines(source, encoding), read_lines(target, encoding)
    if len(sources) != len(targets):
        longer = source if len(sources) > len(targets) else target
        raise DataError(
            f"{source} has {len(sources)} lines but {target} has {len(targets)}: "
            f"{longer}:{min(len(sources), len(targets)) + 1} has no partner",
            hint="line n of one file belongs to line n of the other: find where a line is missing",
        )
    pairs = (TextPair(s.strip(), t.strip(), f"{source}:{n}") for n, (s, t) in enumerate(zip(sources, targets), 1))
    return without_empty_sides(pairs, notes)


def without_empty_sides(pairs: Iterable[TextPair], notes: list[str]) -> list[TextPair]:
    """``pairs`` with text on both sides; how many were left out is told in ``notes``."""
    kept, left_out = [], []
    for pair in pairs:
        (kept if pair.source and pair.target else left_out).append(pair)
    if left_out:
        notes.append(f"left out {len(left_out)} pairs with an empty side, the first at {left_out[0].place}")
    return kept


def reversed_pairs(pairs: Iterable[TextPair]) -> list[TextPair]:
    """``pairs`` with source and target exchanged."""
    return [TextPair(target, source, place) for source, target, place in pairs]
