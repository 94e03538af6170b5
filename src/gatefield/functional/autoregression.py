"""Linear autoregression: fitted by least squares or by Yule and Walker, its order chosen by AIC or BIC, with inputs.

y_t = c + sum over i in 1..k of a_i y_(t-i) + w . x_t + e_t                       (catalogue 130, 131)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..core.errors import ArgumentError

Criterion = Literal["aic", "bic"]


@dataclass(frozen=True)
class Autoregression:
    """An autoregression with known coefficients, all float64.

    Attributes:
        coefficients: a, (order,); a_1 belongs to the latest value.
        intercept: c, ().
        weights: w, (inputs,).
        residuals: e_t of the values it was fitted to, (time - order,).
    """

    coefficients: Tensor
    intercept: Tensor
    weights: Tensor
    residuals: Tensor

    @property
    def order(self) -> int:
        return len(self.coefficients)

    @property
    def variance(self) -> float:
        """The mean square of the residuals."""
        return float(self.residuals.square().mean())

    def forecast(
        self, history: Tensor, horizon: int, inputs: Tensor | None = None, disturbances: Tensor | None = None
    ) -> Tensor:
        """The next values, each computed from those before it.

        With ``inputs`` and any history this is the AR tagger of catalogue 131: a tag for every x_t.

        Args:
            history: (..., time), at least `order` values; its end is what counts.
            horizon: how many values.
            inputs: x_t of the steps ahead, (..., horizon, inputs); needed where there are weights.
            disturbances: e_t of the steps ahead, (..., horizon); by default none: the expected value.

        Returns:
            (..., horizon)

        Raises:
            ArgumentError: a history that is too short, or inputs that do not fit.
        """
        if history.shape[-1] < self.order:
            message = f"a history of {history.shape[-1]} values for order {self.order}"
            raise ArgumentError(message, hint=f"give at least {self.order}", path=("history",))
        shape = (horizon, len(self.weights))
        if len(self.weights) and (inputs is None or tuple(inputs.shape[-2:]) != shape):
            given = "none" if inputs is None else f"{tuple(inputs.shape)}"
            raise ArgumentError(f"the inputs are {given}", hint=f"give (..., {shape[0]}, {shape[1]})", path=("inputs",))
        drive = self.intercept.expand(horizon)
        if inputs is not None and len(self.weights):
            drive = drive + inputs @ self.weights
        if disturbances is not None:
            drive = drive + disturbances
        batch = torch.broadcast_shapes(history.shape[:-1], drive.shape[:-1])
        drive = drive.expand(*batch, horizon)
        seen = history.shape[-1]
        y = torch.cat([history.expand(*batch, seen), history.new_zeros(*batch, horizon)], -1)
        oldest_first = self.coefficients.flip(0)
        for t in range(horizon):
            y[..., seen + t] = drive[..., t] + y[..., seen + t - self.order : seen + t] @ oldest_first
        return y[..., seen:]

    def simulate(
        self, history: Tensor, horizon: int, draws: int, generator: torch.Generator, inputs: Tensor | None = None
    ) -> Tensor:
        """Possible futures: forecasts whose disturbances are drawn from the residuals with replacement.

        Their quantiles are residual-bootstrap prediction intervals (Thombs and Schucany 1990, without the uncertainty
        of the coefficients).

        Args:
            history: (time,).
            horizon: steps.
            draws: futures.
            generator: of the draws.
            inputs: (horizon, inputs).

        Returns:
            (draws, horizon)
        """
        centered = self.residuals - self.residuals.mean()
        drawn = torch.randint(len(centered), (draws, horizon), generator=generator)
        return self.forecast(history.expand(draws, -1), horizon, inputs, centered[drawn])


def least_squares(series: Tensor, order: int, inputs: Tensor | None = None) -> Autoregression:
    """The autoregression of the smallest sum of squared residuals; conditional on the first ``order`` values.

    Where columns depend on each other (a constant series) the solution of least norm is taken.

    Args:
        series: y, (time,).
        order: k, from 0 on.
        inputs: x, (time, inputs); None for none.

    Raises:
        ArgumentError: fewer equations than unknowns, or inputs of another length.
    """
    y = series.double()
    x = y.new_zeros(len(y), 0) if inputs is None else inputs.double()
    if len(x) != len(y):
        message = f"{len(x)} steps of inputs for {len(y)} of the series"
        raise ArgumentError(message, hint="give an input for every step", path=("inputs",))
    unknown, equations = order + 1 + x.shape[1], len(y) - order
    if order < 0 or equations < unknown:
        message = f"{len(y)} values do not determine an autoregression of order {order} with {x.shape[1]} inputs"
        raise ArgumentError(message, hint="give more values, or a smaller order", path=("order",))
    design, target = _design(y, order, x), y[order:, None]
    # gelsd: by singular values, so that dependent columns do no harm.
    solution = torch.linalg.lstsq(design, target, driver="gelsd").solution[:, 0]
    residuals = target[:, 0] - design @ solution
    return Autoregression(solution[1 : order + 1], solution[0], solution[order + 1 :], residuals)


def yule_walker(series: Tensor, order: int) -> Autoregression:
    """The autoregression that has the autocovariances of ``series`` at lags 0 .. order; always stable.

        r_j = sum over i in 1..k of a_i r_|j-i|,  j = 1 .. k

    Args:
        series: (time,).
        order: k.

    Raises:
        ArgumentError: the series is not longer than ``order``, or it is constant.
    """
    y = series.double()
    if not 0 <= order < len(y):
        message = f"order {order} for {len(y)} values"
        raise ArgumentError(message, hint=f"give an order below {len(y)}", path=("order",))
    coefficients, _ = levinson_durbin(autocovariances(y, order))
    intercept = y.mean() * (1 - coefficients.sum())
    residuals = y[order:] - _design(y, order, y.new_zeros(len(y), 0)) @ torch.cat([intercept[None], coefficients])
    return Autoregression(coefficients, intercept, y.new_zeros(0), residuals)


def autocovariances(series: Tensor, lags: int) -> Tensor:
    """r_j = 1/T sum over t of (y_t - mean)(y_(t-j) - mean), j = 0 .. ``lags``, float64 (lags + 1,)."""
    y = series.double() - series.double().mean()
    return torch.stack([y[j:] @ y[: len(y) - j] for j in range(lags + 1)]) / len(y)


def levinson_durbin(r: Tensor) -> tuple[Tensor, Tensor]:
    """Solve the Yule-Walker equations in order^2 steps, from the order below each time (Durbin 1960).

        phi_k = (r_k - sum over i<k of a_i r_(k-i)) / v_(k-1)
        a_i <- a_i - phi_k a_(k-i),  a_k = phi_k,  v_k = v_(k-1) (1 - phi_k^2)

    Args:
        r: autocovariances at lags 0 .. k, (k + 1,).

    Returns:
        The coefficients a (k,), and the variance v of the residuals at each order 0 .. k, (k + 1,).

    Raises:
        ArgumentError: r_0 is not positive: the series is constant.
    """
    if not r[0] > 0:
        raise ArgumentError("the variance of the series is zero", hint="a constant needs no autoregression")
    a, v = r.new_zeros(0), [r[0]]
    for k in range(1, len(r)):
        phi = (r[k] - a @ r[1:k].flip(0)) / v[-1]
        a = torch.cat([a - phi * a.flip(0), phi[None]])
        v.append(v[-1] * (1 - phi * phi))
    return a, torch.stack(v)


def select_order(series: Tensor, largest: int, criterion: Criterion = "aic", inputs: Tensor | None = None) -> int:
    """The order 0 .. ``largest`` of the smallest criterion, all orders judged on the same n values.

        AIC = n log s^2 + 2 p,   BIC = n log s^2 + p log n

    s^2 is the mean squared residual, p the number of coefficients. The orders are nested columns of one design matrix,
    so its QR decomposition gives the residuals of all of them at once.

    Args:
        series: y, (time,).
        largest: the greatest order to try.
        criterion: ``aic`` or ``bic``, which prefers smaller orders.
        inputs: x, (time, inputs).

    Raises:
        ArgumentError: too few values for the largest order.
    """
    y = series.double()
    x = y.new_zeros(len(y), 0) if inputs is None else inputs.double()
    n, fixed = len(y) - largest, 1 + x.shape[1]
    if largest < 0 or n < fixed + largest + 1:
        message = f"{len(y)} values are too few to try orders up to {largest}"
        raise ArgumentError(message, hint="give more values, or a smaller order", path=("largest",))
    design = _design(y, largest, x)
    ordered = torch.cat([design[:, :1], design[:, largest + 1 :], design[:, 1 : largest + 1]], 1)
    q, _ = torch.linalg.qr(ordered)
    explained = (q.T @ y[largest:]).square().cumsum(0)
    total = y[largest:].square().sum()
    squares = (total - explained[fixed - 1 :]).clamp(min=torch.finfo(torch.float64).eps * float(total) + 1e-300) / n
    price = 2.0 if criterion == "aic" else math.log(n)
    p = torch.arange(fixed, fixed + largest + 1)
    return int((n * squares.log() + price * p).argmin())


def _design(y: Tensor, order: int, x: Tensor) -> Tensor:
    """One row for each y_t, t >= order: 1, y_(t-1) .. y_(t-order), x_t."""
    lags = y[:-1].unfold(0, order, 1).flip(1) if order else y.new_zeros(len(y), 0)
    return torch.cat([y.new_ones(len(y) - order, 1), lags, x[order:]], 1)
