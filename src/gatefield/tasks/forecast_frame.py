"""What a forecaster knows of the kind of series it was trained on: columns, steps, seasons, scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ..core.errors import DataError
from ..data.calendar import Cycle, calendar_features
from ..data.frequency import Frequency
from ..data.series import Series
from ..data.windows import Scaling
from ..functional.forecast_measures import naive_scale

Level = Literal["last", "none"]
ADD_ROWS = "add rows to the file that hold the date and the covariates alone"
_WAVES = 3  # sine and cosine waves of the season that ARX is given


class Table(NamedTuple):
    """A series as forecasters see it, float64: scaled values, scaled covariates, and the inputs of ARX."""

    values: Tensor
    covariates: Tensor
    inputs: Tensor


@dataclass(frozen=True)
class Frame:
    """Measured on the training part; the same for every series that is forecast later.

    Attributes:
        names, covariate_names: of the columns.
        frequency: of the steps.
        begin: the stamp of step 0 of the training series, from which seasons are counted.
        season: steps of one.
        calendar: cycles whose position is a covariate.
        scaling, covariate_scaling: into the network's units.
        scale: what MASE divides by, one number a series.
    """

    names: Sequence[str]
    covariate_names: Sequence[str]
    frequency: Frequency
    begin: str
    season: int
    calendar: Sequence[Cycle]
    scaling: Scaling
    covariate_scaling: Scaling
    scale: Sequence[float]

    @classmethod
    def measure(cls, series: Series, end: int, season: int, calendar: Sequence[Cycle], logarithm: bool) -> Frame:
        """The frame of ``series``, from its steps before ``end`` alone.

        Raises:
            DataError: a logarithm of values that are not positive, or a calendar without dates.
        """
        training = series.values[:end]
        return cls(
            list(series.names),
            list(series.covariate_names),
            series.frequency,
            series.stamps[0],
            season,
            list(calendar),
            Scaling.fit(training, logarithm),
            Scaling.fit(_known(series, calendar, 0)[:end]),
            naive_scale(training, season).tolist(),
        )

    def table(self, series: Series, future: int = 0) -> Table:
        """``series`` scaled, with covariates of ``future`` steps after its end.

        Raises:
            DataError: it is of another kind, or its covariates do not reach far enough.
        """
        self.check(series)
        if lack := self.lack(series, future):
            raise DataError(lack, hint=ADD_ROWS)
        covariates = self.covariate_scaling(_known(series, self.calendar, future))
        first = self.frequency.distance(self.begin, series.stamps[0])
        inputs = torch.cat([covariates, waves(first + torch.arange(len(covariates)), self.season)], 1)
        return Table(self.scaling(series.values), covariates, inputs)

    def lack(self, series: Series, future: int) -> str:
        """What is missing for a forecast of ``future`` steps after ``series``; "" for nothing."""
        reach = len(series.covariates) - len(series)
        if not self.covariate_names or reach >= future:
            return ""
        return f"the forecast needs {', '.join(self.covariate_names)} for {future} steps ahead, and {reach} are known"

    def check(self, series: Series) -> None:
        """Raise unless ``series`` is of the kind this was measured on.

        Raises:
            DataError: other columns, or other steps.
        """
        for have, want, what in (
            (series.names, self.names, "series"),
            (series.covariate_names, self.covariate_names, "covariates"),
        ):
            if list(have) != list(want):
                message = f"the data have the {what} {_list(have)}; the network knows {_list(want)}"
                raise DataError(message, hint="give data with the same columns")
        if series.frequency != self.frequency:
            message = f"the steps of the data are one {series.frequency} apart, those of the network {self.frequency}"
            raise DataError(message, hint="give data with the same distance between steps")

    def config(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "names": list(self.names),
            "covariate_names": list(self.covariate_names),
            "frequency": {"unit": self.frequency.unit, "count": self.frequency.count},
            "begin": self.begin,
            "season": self.season,
            "calendar": list(self.calendar),
            "scaling": self.scaling.config(),
            "covariate_scaling": self.covariate_scaling.config(),
            "scale": list(self.scale),
        }

    @classmethod
    def from_config(cls, content: dict[str, Any]) -> Frame:
        """What `config` wrote."""
        objects = {
            "frequency": Frequency(**content["frequency"]),
            "scaling": Scaling.from_config(content["scaling"], ("scaling",)),
            "covariate_scaling": Scaling.from_config(content["covariate_scaling"], ("covariate_scaling",)),
        }
        return cls(**(content | objects))


def waves(steps: Tensor, season: int) -> Tensor:
    """sin(2 pi j t / m) and cos(2 pi j t / m) for j = 1 .. 3, as far as they differ from each other and from zero.

    Args:
        steps: t, (time,).
        season: m.
    """
    t = steps.double() * (2 * math.pi / season)
    columns = [f(j * t) for j in range(1, _WAVES + 1) for f in (torch.sin, torch.cos) if _differs(j, f, season)]
    return torch.stack(columns, 1) if columns else t.new_zeros(len(t), 0)


def _differs(j: int, function: Any, season: int) -> bool:
    """Above half the season waves repeat; at half of it the sine is zero."""
    return 2 * j < season or (2 * j == season and function is torch.cos)


def _known(series: Series, calendar: Sequence[Cycle], future: int) -> Tensor:
    """The covariates of the file and of the calendar, (time + future, covariates)."""
    positions, _ = calendar_features(series, calendar, future)
    count = len(series) + future
    given = series.covariates[:count] if series.covariate_names else series.values.new_zeros(count, 0)
    return torch.cat([given, positions], 1)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
