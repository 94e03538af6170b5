"""How good forecasts and their intervals are; each measure is a mean over all values it is given."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.errors import ArgumentError


def mean_absolute_error(actual: Tensor, forecast: Tensor) -> float:
    """MAE = mean |y - f|, in the units of the series; any shape, as long as it is the same for both."""
    return float((_pair(actual, forecast)).abs().mean())


def root_mean_squared_error(actual: Tensor, forecast: Tensor) -> float:
    """RMSE = sqrt(mean (y - f)^2), in the units of the series."""
    return math.sqrt(float(_pair(actual, forecast).square().mean()))


def naive_scale(training: Tensor, season: int) -> Tensor:
    """What MASE divides by: the mean |y_t - y_(t-m)| of the training part, (series,).

    Args:
        training: (time, series).
        season: m, steps of a season; 1 for the plain naive forecast.

    Raises:
        ArgumentError: no longer than a season.
    """
    if not 1 <= season < len(training):
        message = f"{len(training)} training values do not hold two of season {season}"
        raise ArgumentError(message, hint=f"give a season from 1 to {max(len(training) - 1, 1)}", path=("season",))
    values = training.double()
    return (values[season:] - values[:-season]).abs().mean(0)


def mean_absolute_scaled_error(actual: Tensor, forecast: Tensor, scale: Tensor) -> float | None:
    """MASE = mean |y - f| / scale, with `naive_scale`: below 1 is better than the seasonal naive forecast in training.

    Args:
        actual, forecast: (..., series).
        scale: (series,).

    Returns:
        The mean over the series whose scale is not zero; None where none is left: of a constant series MASE is not
        defined.

    Source: Hyndman and Koehler (2006), section 3.
    """
    defined = scale > 0
    if not defined.any():
        return None
    return float((_pair(actual, forecast).abs()[..., defined] / scale[defined]).mean())


def coverage(actual: Tensor, lower: Tensor, upper: Tensor) -> float:
    """The share of values inside their interval, bounds included."""
    for bound in (lower, upper):
        _pair(actual, bound)
    return float(((lower <= actual) & (actual <= upper)).double().mean())


def interval_width(lower: Tensor, upper: Tensor) -> float:
    """The mean width of the intervals, in the units of the series."""
    return float(_pair(upper, lower).mean())


def pinball_loss(actual: Tensor, quantiles: Tensor, levels: Tensor) -> Tensor:
    """The loss whose minimum is the quantile of each level q (Koenker and Bassett 1978), as a mean of all values.

        L = max(q (y - f), (q - 1) (y - f))

    Args:
        actual: y, (...).
        quantiles: f, (..., levels).
        levels: q in (0, 1), (levels,).

    Returns:
        A scalar, differentiable.
    """
    difference = actual.unsqueeze(-1) - quantiles
    return torch.maximum(levels * difference, (levels - 1) * difference).mean()


def _pair(one: Tensor, other: Tensor) -> Tensor:
    """one - other, in float64."""
    if one.shape != other.shape or one.numel() == 0:
        message = f"shapes {tuple(one.shape)} and {tuple(other.shape)} to compare"
        raise ArgumentError(message, hint="give as many forecasts as values, at least one")
    return one.double() - other.double()
