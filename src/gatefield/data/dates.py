"""A column of dates, in the ways people write them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from ..core.errors import DataError

_CLOCKS = ("", " %H:%M", " %H:%M:%S")
_DAYS = ("%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y")
_FORMATS = ("%Y-%m", "%Y/%m", "%Y", "%b %Y", "%b-%Y", "%B %Y", *(day + clock for day in _DAYS for clock in _CLOCKS))

Parse = Callable[[str], datetime.datetime]


def parse_dates(cells: Sequence[str], places: Sequence[str], form: str | None = None) -> list[datetime.datetime]:
    """The times that ``cells`` name, all written in the same way. A time with an offset becomes one in UTC.

    Args:
        cells: one date each: ISO 8601, year and month, or a usual national form.
        places: where each stands, for messages.
        form: how they are written, in the letters of ``strptime``: ``%d/%m/%y``; by default found out.

    Raises:
        DataError: a cell is no date, names the first; or days and months could be exchanged.
    """
    ways = [_by(form)] if form else [_iso, *(_by(known) for known in _FORMATS)]
    reached, fitting = 0, []
    for parse in ways:
        times: list[datetime.datetime] = []
        try:
            for cell in cells:
                times.append(parse(cell))
        except (ValueError, OverflowError):
            reached = max(reached, len(times))
            continue
        if times not in fitting:
            fitting.append(times)
    if not fitting:
        wanted = f"written as {form}" if form else "that can be read"
        hint = "write dates as 2024-01-31 or 2024-01-31 12:00, or say how they are written with date_format=%d/%m/%y"
        raise DataError(f"{places[reached]}: {cells[reached]!r} is not a date {wanted}", hint=hint)
    if len(fitting) > 1:
        message = f"{places[0]}: {cells[0]!r} may begin with the day or with the month"
        raise DataError(message, hint="set date_format to %d/%m/%Y or to %m/%d/%Y")
    return fitting[0]


def is_date(cell: str) -> bool:
    """Whether ``cell`` is a date in a known form, and more than a bare number."""
    if not any(mark in cell for mark in "-/.: ") or _is_number(cell):
        return False
    for parse in (_iso, *(_by(known) for known in _FORMATS)):
        try:
            parse(cell)
        except (ValueError, OverflowError):
            continue
        return True
    return False


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _iso(cell: str) -> datetime.datetime:
    time = datetime.datetime.fromisoformat(cell)
    return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time


def _by(form: str) -> Parse:
    return lambda cell: datetime.datetime.strptime(cell, form)
