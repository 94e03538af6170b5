"""Where in the year, the week and the day a step lies: covariates that are known for all the future."""

from __future__ import annotations

import calendar
import datetime
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ..core.errors import DataError
from .series import Series

Cycle = Literal["year", "week", "day"]


def calendar_features(series: Series, cycles: Sequence[Cycle], future: int) -> tuple[Tensor, list[str]]:
    """sin(2 pi p) and cos(2 pi p) for the part p in [0, 1) of each cycle that has passed.

    Args:
        series: gives the stamps.
        cycles: of which the position is told.
        future: steps after the last one.

    Returns:
        float64 (time + future, 2 cycles), and their names.

    Raises:
        DataError: the series has no dates.
    """
    if cycles and series.frequency.unit == "step":
        hint = "give a column of dates, or leave 'calendar' empty"
        raise DataError("the steps of this series have numbers, not dates", hint=hint)
    count = len(series) + future
    times = [datetime.datetime.fromisoformat(series.stamp(step)) for step in range(count)] if cycles else []
    columns = [[f(2 * math.pi * _POSITIONS[c](t)) for t in times] for c in cycles for f in (math.sin, math.cos)]
    names = [f"{function} of the {cycle}" for cycle in cycles for function in ("sine", "cosine")]
    return torch.tensor(columns, dtype=torch.float64).reshape(len(names), count).T.contiguous(), names


def _of_day(time: datetime.datetime) -> float:
    return (time.hour * 3600 + time.minute * 60 + time.second) / 86400


def _of_week(time: datetime.datetime) -> float:
    return (time.weekday() + _of_day(time)) / 7


def _of_year(time: datetime.datetime) -> float:
    return (time.timetuple().tm_yday - 1 + _of_day(time)) / (366 if calendar.isleap(time.year) else 365)


_POSITIONS = {"year": _of_year, "week": _of_week, "day": _of_day}
