"""Forecasts from many origins against what came, and the intervals that follow from such a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ..core.seeding import generator
from ..functional.conformal import absolute_interval, bootstrap_interval, quantile_adjustment
from ..functional.forecast_measures import (
    coverage,
    interval_width,
    mean_absolute_error,
    mean_absolute_scaled_error,
    root_mean_squared_error,
)

Method = Literal["quantiles", "conformal-quantiles", "conformal", "bootstrap"]
DRAWS = 2000
NETWORK = "network"  # what the network is called among the forecasters


@dataclass(frozen=True)
class Forecasts:
    """What one forecaster said: (..., horizon, series) each.

    Attributes:
        point: the forecasts.
        lower, upper: bounds; equal to the points where there are none.
        bounded: whether the forecaster gave bounds of its own.
    """

    point: Tensor
    lower: Tensor
    upper: Tensor
    bounded: bool = True

    @classmethod
    def of_points(cls, point: Tensor) -> Forecasts:
        """Forecasts without bounds."""
        return cls(point, point, point, False)

    @classmethod
    def join(cls, parts: Sequence[Forecasts]) -> Forecasts:
        """``parts`` one after the other along their first axis."""
        point, lower, upper = (torch.cat([getattr(part, key) for part in parts]) for key in ("point", "lower", "upper"))
        return cls(point, lower, upper, parts[0].bounded)

    def map(self, function: Callable[[Tensor], Tensor]) -> Forecasts:
        """``function`` of points and bounds."""
        return Forecasts(function(self.point), function(self.lower), function(self.upper), self.bounded)


@dataclass(frozen=True)
class Band:
    """What to add to a forecaster's own bounds, (horizon, series) each: measured on the validation part."""

    lower: Tensor
    upper: Tensor

    @property
    def finite(self) -> bool:
        """Whether there were errors enough."""
        return bool(self.lower.isfinite().all() and self.upper.isfinite().all())

    @classmethod
    def measure(cls, method: Method, forecasts: Forecasts, actual: Tensor, level: float, seed: int) -> Band:
        """The band that gives intervals of coverage ``level`` by ``method``.

        A forecaster without bounds of its own gets conformal ones where the method is about quantiles.
        """
        if forecasts.bounded and method == "quantiles":
            return cls(torch.zeros_like(actual[0]), torch.zeros_like(actual[0]))
        if forecasts.bounded and method == "conformal-quantiles":
            e = quantile_adjustment(actual, forecasts.lower, forecasts.upper, level)
            return cls(-e, e)
        residuals = actual - forecasts.point
        if method == "bootstrap":
            return cls(*bootstrap_interval(residuals, level, DRAWS, generator(seed, "bootstrap")))
        return cls(*absolute_interval(residuals, level))

    def around(self, forecasts: Forecasts) -> Forecasts:
        """``forecasts`` with the bounds of their intervals; a point is never outside."""
        lower, upper = forecasts.lower + self.lower, forecasts.upper + self.upper
        return Forecasts(forecasts.point, torch.minimum(lower, forecasts.point), torch.maximum(upper, forecasts.point))


class Tested(NamedTuple):
    """A back-test: what came, and what each forecaster had said, in the series' own units.

    Attributes:
        actual: (count, horizon, series).
        forecasts: name -> forecasts with the bounds of their intervals.
        loss: the network's training loss on these windows.
        origins: the first step of each forecast, ascending, (count,).
    """

    actual: Tensor
    forecasts: dict[str, Forecasts]
    loss: float
    origins: Tensor

    @classmethod
    def join(cls, parts: Sequence[Tested]) -> Tested:
        """``parts`` one after the other; the loss is that of the first."""
        forecasts = {name: Forecasts.join([part.forecasts[name] for part in parts]) for name in parts[0].forecasts}
        actual, origins = (torch.cat([getattr(part, key) for part in parts]) for key in ("actual", "origins"))
        return cls(actual, forecasts, parts[0].loss, origins)

    def map(self, function: Callable[[str, Forecasts], Forecasts]) -> Tested:
        """With ``function`` of the name and the forecasts of each forecaster."""
        return self._replace(forecasts={name: function(name, said) for name, said in self.forecasts.items()})

    def between(self, first: int, stop: int) -> Tested:
        """What was said from the origins ``first .. stop - 1``."""
        return self._taken(slice(*torch.searchsorted(self.origins, torch.tensor([first, stop])).tolist()))

    def last(self, count: int) -> Tested:
        """What was said from the last ``count`` origins."""
        return self._taken(slice(max(len(self.origins) - count, 0), None))

    def _taken(self, rows: slice) -> Tested:
        chosen = self.map(lambda _, said: said.map(lambda part: part[rows]))
        return chosen._replace(actual=self.actual[rows], origins=self.origins[rows])


def measures(actual: Tensor, forecasts: Forecasts, scale: Tensor) -> dict[str, Any]:
    """MAE, RMSE, MASE, coverage and width over all, and for each step of the horizon; all in the series' own units.

    MASE is None where the training part is constant, the width where an interval is infinite.

    Args:
        actual: (count, horizon, series).
        forecasts: likewise, with bounds.
        scale: of MASE, (series,).
    """
    whole = _measures(actual, forecasts, scale)
    steps = []
    for step in range(actual.shape[1]):
        at = _measures(actual[:, step], forecasts.map(lambda part, step=step: part[:, step]), scale)
        steps.append({"step": step + 1, **at})
    return whole | {"steps": steps}


def _measures(actual: Tensor, forecasts: Forecasts, scale: Tensor) -> dict[str, Any]:
    finite = bool(forecasts.lower.isfinite().all() and forecasts.upper.isfinite().all())
    return {
        "mae": mean_absolute_error(actual, forecasts.point),
        "rmse": root_mean_squared_error(actual, forecasts.point),
        "mase": mean_absolute_scaled_error(actual, forecasts.point, scale),
        "coverage": coverage(actual, forecasts.lower, forecasts.upper),
        "width": interval_width(forecasts.lower, forecasts.upper) if finite else None,
    }
