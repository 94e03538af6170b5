"""Time things that compete for the same machine: in turn, round after round, compared within each round.

Whatever slows the machine for a while slows all contestants of a round alike, so that a ratio is steadier than the
seconds it is made of.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ratio:
    """Time of one contestant over that of another: the median over the rounds, the smallest and the largest."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Timings:
    """Seconds of each contestant in each round."""

    seconds: dict[str, list[float]]

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, to: str) -> Ratio:
        """How long ``name`` took, with ``to`` as one."""
        ratios = [mine / other for mine, other in zip(self.seconds[name], self.seconds[to])]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def alternate(
    contestants: Mapping[str, Callable[[], Any]],
    rounds: int,
    told: Callable[[str], None] = lambda line: None,
) -> Timings:
    """Run every contestant once a round, after one round that does not count.

    The order turns by one place a round, so that none always runs in the wake of the same other.

    Args:
        contestants: name to work.
        rounds: rounds that count.
        told: hears of every timing.
    """
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            begun = time.perf_counter()
            contestants[name]()
            spent = time.perf_counter() - begun
            told(f"{'warm-up' if number < 0 else f'round {number + 1}/{rounds}'}: {name} {spent:.3f} s")
            if number >= 0:
                seconds[name].append(spent)
    return Timings(seconds)
