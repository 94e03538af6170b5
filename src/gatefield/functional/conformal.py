"""Prediction intervals from the errors that a forecaster made on data it was not trained on.

Exact coverage rests on errors that are exchangeable: those to come are like those seen. Of a series that changes its
ways this is not so, and the coverage that was reached has to be measured.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..core.errors import ArgumentError


def conformal_quantile(scores: Tensor, level: float) -> Tensor:
    """The ceil((n + 1) level)-th smallest of n ``scores``, along the first axis (Vovk et al. 2005; Lei et al. 2018).

    Of n + 1 exchangeable scores the last one is at most this with a chance of at least ``level``.

    Args:
        scores: (n, ...).
        level: in (0, 1).

    Returns:
        (...); infinite where n is too small for the level: n < level / (1 - level).

    Raises:
        ArgumentError: no scores, or a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ArgumentError(f"a level of {level}", hint="give a number in (0, 1)", path=("level",))
    n = len(scores)
    if n == 0:
        raise ArgumentError("there are no scores", hint="hold out data to measure errors on", path=("scores",))
    rank = math.ceil((n + 1) * level - 1e-9)  # 100 * 0.9 is a little more than 90 in floating point
    if rank > n:
        return torch.full_like(scores[0], math.inf)
    return scores.kthvalue(rank, dim=0).values


def absolute_interval(residuals: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """Split conformal: what to add to a forecast for its lower and its upper bound, as far below as above.

    Args:
        residuals: actual - forecast of the calibration part, (n, ...).
        level: the coverage wanted.

    Returns:
        Two offsets (...), -s and s, s the `conformal_quantile` of the absolute residuals.
    """
    s = conformal_quantile(residuals.abs(), level)
    return -s, s


def quantile_adjustment(actual: Tensor, lower: Tensor, upper: Tensor, level: float) -> Tensor:
    """Conformalized quantile regression: how much to widen the intervals of a quantile forecaster.

        E_i = max(lower_i - y_i, y_i - upper_i)

    Args:
        actual, lower, upper: of the calibration part, (n, ...).
        level: the coverage wanted.

    Returns:
        (...): subtract it from the lower and add it to the upper bound; negative where they were too wide.

    Source: Romano, Patterson and Candes (2019), equations 6 and 7.
    """
    return conformal_quantile(torch.maximum(lower - actual, actual - upper), level)


def bootstrap_interval(
    residuals: Tensor, level: float, draws: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Residual bootstrap: the quantiles of residuals drawn with replacement, as offsets of a forecast.

    Args:
        residuals: actual - forecast, (n, ...).
        level: the coverage wanted; (1 - level) / 2 is left out on either side.
        draws: how many.
        generator: of the draws; whole rows are drawn, so that what belongs together stays so.

    Returns:
        Two offsets (...), lower and upper; not symmetrical where the residuals are not.

    Raises:
        ArgumentError: no residuals, or a level outside (0, 1).
    """
    if len(residuals) == 0:
        raise ArgumentError("there are no residuals", hint="hold out data to measure errors on", path=("residuals",))
    if not 0 < level < 1:
        raise ArgumentError(f"a level of {level}", hint="give a number in (0, 1)", path=("level",))
    drawn = residuals[torch.randint(len(residuals), (draws,), generator=generator)].double()
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    flat = drawn.reshape(draws, -1)
    lower, upper = torch.quantile(flat, tails, dim=0)
    return lower.reshape(residuals.shape[1:]), upper.reshape(residuals.shape[1:])
