"""Networks of the papers, made wider or thinner by one factor."""

from __future__ import annotations


def scaled(count: int, width: float, divisor: int = 1) -> int:
    """``count`` filters or units times ``width``, rounded to the nearest multiple of ``divisor``, and at least that."""
    return max(round(count * width / divisor), 1) * divisor
