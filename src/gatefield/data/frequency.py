"""How far apart the steps of a time series are."""

from __future__ import annotations

import calendar
import datetime
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["month", "second", "step"]

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SEASONS = {"3 months": 4, "month": 12, "week": 52, "day": 7}
_REGULAR = 0.9  # share of the distances that must be whole multiples of the step


@dataclass(frozen=True)
class Frequency:
    """One step of a series: ``count`` months or seconds; of a series without dates one "step".

    Attributes:
        unit: months differ in length, so they are counted by themselves.
        count: how many of them a step is.
    """

    unit: Unit = "step"
    count: int = 1

    def __str__(self) -> str:
        if self.unit != "second":
            return _plural(self.count, self.unit)
        name, size = max(((n, s) for n, s in _SECONDS.items() if self.count % s == 0), key=lambda item: item[1])
        return _plural(self.count // size, name)

    @property
    def season(self) -> int:
        """Steps of the shortest season that such series usually have; 1 where none is known.

        A year of months, quarters or weeks, a week of days, a day of parts of a day.
        """
        if self.unit == "second" and self.count < 86400 and 86400 % self.count == 0:
            return 86400 // self.count
        return _SEASONS.get(str(self), 1)

    def after(self, stamp: str, steps: int) -> str:
        """The stamp ``steps`` steps after ``stamp``, as `text` writes them."""
        if self.unit == "step":
            return str(int(stamp) + steps * self.count)
        return text(self.add(datetime.datetime.fromisoformat(stamp), steps))

    def distance(self, start: str, end: str) -> int:
        """Steps from the stamp ``start`` to the stamp ``end``."""
        if self.unit == "step":
            return (int(end) - int(start)) // self.count
        return round(self.between(datetime.datetime.fromisoformat(start), datetime.datetime.fromisoformat(end)))

    def add(self, time: datetime.datetime, steps: int) -> datetime.datetime:
        """The time ``steps`` steps after ``time``; months lead from the last day of one to the last day of another."""
        if self.unit == "second":
            return time + datetime.timedelta(seconds=self.count * steps)
        months = time.year * 12 + time.month - 1 + self.count * steps
        year, month = divmod(months, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return time.replace(year=year, month=month + 1, day=last if _ends_month(time) else min(time.day, last))

    def between(self, start: datetime.datetime, end: datetime.datetime) -> float:
        """Steps from ``start`` to ``end``; a whole number where ``end`` lies on the grid of ``start``."""
        if self.unit == "second":
            return (end - start).total_seconds() / self.count
        steps = _months(start, end) / self.count
        same_day = start.day == end.day or (_ends_month(start) and _ends_month(end))
        return steps if same_day and start.time() == end.time() else math.floor(steps) + 0.5

    @classmethod
    def of(cls, times: Sequence[datetime.datetime]) -> Frequency | None:
        """The step of ascending, distinct ``times``: months, else the commonest distance; None where they are no grid.

        A grid may have gaps: at least nine tenths of the distances must be whole multiples of the step.
        """
        if len(times) < 2:
            return None
        pairs = list(itertools.pairwise(times))
        step = math.gcd(*(_months(a, b) for a, b in pairs))
        if step > 0:
            monthly = cls("month", step)
            if all(monthly.between(a, b).is_integer() for a, b in pairs):
                return monthly
        distances = Counter(round((b - a).total_seconds()) for a, b in pairs)
        step = distances.most_common(1)[0][0]
        if step < 1:
            return None
        regular = sum(count for distance, count in distances.items() if distance % step == 0)
        return cls("second", step) if regular >= _REGULAR * len(pairs) else None


def text(time: datetime.datetime) -> str:
    """``time`` in ISO 8601, without a time of day where that is midnight."""
    return time.date().isoformat() if time.time() == datetime.time() and time.tzinfo is None else time.isoformat(" ")


def _months(start: datetime.datetime, end: datetime.datetime) -> int:
    return (end.year - start.year) * 12 + end.month - start.month


def _ends_month(time: datetime.datetime) -> bool:
    return time.day == calendar.monthrange(time.year, time.month)[1]


def _plural(count: int, name: str) -> str:
    return name if count == 1 else f"{count} {name}s"
