"""Slow searches, one sentence at a time in plain Python, that the fast ones are compared with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

from steppers import TreeStepper

Path = tuple[tuple[int, ...], list[float]]
"""Symbols, the end symbol included where it was reached, and their log-probabilities."""

Divisor = Callable[[int], float]


def ranked(paths: list[Path], divisor: Divisor, count: int) -> list[tuple[tuple[int, ...], float]]:
    scored = [(symbols, sum(values) / divisor(len(symbols))) for symbols, values in paths]
    return sorted(scored, key=lambda pair: -pair[1])[:count]


def every_sequence(model: TreeStepper, name: int, begin: int, end: int, limit: int, minimum: int = 0) -> Iterator[Path]:
    """All sequences of at most ``limit`` steps that end with ``end``."""
    others = [symbol for symbol in range(model.vocabulary) if symbol != end]
    for length in range(minimum, limit):
        for symbols in itertools.product(others, repeat=length):
            read, values = (begin,), []
            for symbol in (*symbols, end):
                values.append(model.after(name, read)[symbol])
                read = (*read, symbol)
            yield (*symbols, end), values


def beam_that_never_stops(
    model: TreeStepper, name: int, begin: int, end: int, limit: int, width: int, divisor: Divisor, count: int
) -> list[tuple[tuple[int, ...], float]]:
    """Beam search to the limit; of the ``width`` best, those that end are kept aside and replaced by the next best."""
    live: list[Path] = [((), [])]
    ended: list[Path] = []
    for _ in range(limit):
        candidates = []
        for symbols, values in live:
            for symbol, value in enumerate(model.after(name, (begin, *symbols))):
                candidates.append(((*symbols, symbol), [*values, value]))
        candidates.sort(key=lambda path: -sum(path[1]))
        ended += [path for path in candidates[:width] if path[0][-1] == end]
        live = [path for path in candidates if path[0][-1] != end][:width]
    return ranked(ended, divisor, count)


def label_probabilities(frames: list[list[float]], blank: int) -> dict[tuple[int, ...], float]:
    """The probability of every label sequence: all paths, gathered by what they become (Graves et al., 2006, eq. 3)."""
    totals: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(len(frames[0]) if frames else 0), repeat=len(frames)):
        without_repeats = [label for label, _ in itertools.groupby(path)]
        labels = tuple(label for label in without_repeats if label != blank)
        totals[labels] = totals.get(labels, 0.0) + math.prod(frame[label] for frame, label in zip(frames, path))
    return totals
