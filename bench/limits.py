"""What a bench promises, and whether it was kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alternate import Ratio, Timings


@dataclass(frozen=True)
class Limit:
    """``mine`` may take at most ``most`` times as long as ``other``."""

    mine: str
    other: str
    most: float


@dataclass(frozen=True)
class Verdict:
    """A limit, and what was measured; ``passed`` is None where only a part of the data was run."""

    limit: Limit
    ratio: Ratio
    passed: bool | None

    def __str__(self) -> str:
        words = {True: "pass", False: "FAIL", None: "not judged: a part of the data only"}[self.passed]
        name, spread = f"{self.limit.mine} / {self.limit.other}", f"{self.ratio.low:.2f}-{self.ratio.high:.2f}"
        return f"{name:48}  {self.ratio.median:6.3f}  {spread:>10}  {self.limit.most:5}  {words}"


def judge(limits: Iterable[Limit], timings: Timings, counts: bool) -> list[Verdict]:
    """A verdict on each limit whose contestants ran; a measurement that does not count passes and fails nothing."""
    verdicts = []
    for limit in limits:
        if {limit.mine, limit.other} <= set(timings.seconds):
            ratio = timings.ratio(limit.mine, limit.other)
            verdicts.append(Verdict(limit, ratio, ratio.median <= limit.most if counts else None))
    return verdicts
