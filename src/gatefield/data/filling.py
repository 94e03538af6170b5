"""What becomes of values that are missing from a time series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy

from ..core.errors import DataError

Rule = Literal["interpolate", "forward", "drop", "refuse"]


def fill(table: numpy.ndarray, rule: Rule, stamps: Sequence[str], place: str) -> tuple[list[int], numpy.ndarray, str]:
    """``table`` float64 (time, columns) with NaN for what is missing, without NaN; every column has some value.

    ``interpolate`` puts a missing value on the straight line between its neighbors, and repeats the last value at the
    end; ``forward`` repeats the last value before it, and so never looks ahead; both leave out the steps before all
    columns have begun. ``drop`` leaves a step with a missing value out, ``refuse`` allows none.

    Returns:
        The steps that are kept, their numbers, and a note of what was done ("" for nothing).

    Raises:
        DataError: by the rule ``refuse``, or where ``drop`` leaves nothing; names ``place`` and the first stamp.
    """
    gaps = numpy.isnan(table)
    if not gaps.any():
        return list(range(len(table))), table, ""
    first = stamps[int(gaps.any(1).argmax())]
    if rule == "refuse":
        hint = "fill it in, or set missing to interpolate, forward or drop"
        raise DataError(f"{place}: a value is missing at {first}", hint=hint)
    if rule == "drop":
        kept = numpy.flatnonzero(~gaps.any(axis=1)).tolist()
        if not kept:
            raise DataError(f"{place} has no complete row", hint="set missing to interpolate or forward")
        return kept, table[kept], f"{len(table) - len(kept)} steps with a missing value are left out, first {first}"
    begin = int((~gaps).argmax(0).max())
    count = int(gaps[begin:].sum())
    notes = [f"the first {begin} steps, before all columns have begun, are left out"] if begin else []
    if count:
        how = "interpolated" if rule == "interpolate" else "filled with the last value before"
        first = stamps[begin + int(gaps[begin:].any(1).argmax())]
        notes.append(f"{count} missing value{'s' if count > 1 else ''} {how}, first at {first}")
    columns = [_filled(column, rule) for column in table[begin:].T]
    return list(range(begin, len(table))), numpy.stack(columns, 1), "; ".join(notes)


def _filled(column: numpy.ndarray, rule: Rule) -> numpy.ndarray:
    """A column whose first value is there."""
    missing, steps = numpy.isnan(column), numpy.arange(len(column))
    if rule == "interpolate":
        return numpy.interp(steps, steps[~missing], column[~missing])
    return column[numpy.maximum.accumulate(numpy.where(missing, 0, steps))]
