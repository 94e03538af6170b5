"""What every forecasting network is compared with: seasonal naive, AR and ARX, fitted on the training part alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..functional.autoregression import Autoregression, Criterion, least_squares, select_order


@dataclass(frozen=True)
class Baselines:
    """Forecasters without a network, for each series by itself.

        seasonal naive    y_t = y_(t-m)
        AR(k)             y_t = c + sum a_i y_(t-i)
        ARX(k)            y_t = c + sum a_i y_(t-i) + w . x_t

    x_t are the covariates that are known ahead, and waves of the season. All work on scaled values.

    Attributes:
        season: m.
        ar: one a series; the order chosen by AIC or BIC.
        arx: likewise; empty where there is no x_t.
    """

    season: int
    ar: Sequence[Autoregression]
    arx: Sequence[Autoregression]

    @classmethod
    def fit(cls, values: Tensor, inputs: Tensor, season: int, criterion: Criterion) -> Baselines:
        """Fit to the training part.

        Args:
            values: scaled, (time, series).
            inputs: x_t, (time, inputs), see `Table` of `forecast_frame`.
            season: m.
            criterion: chooses the orders, up to two seasons, at least 24, at most a quarter of the steps.
        """
        count, extra = len(values), inputs.shape[1]
        largest = max(0, min(max(2 * season, 24), count // 4, (count - 2 - extra) // 2))
        ar, arx = [], []
        for y in values.T:
            ar.append(least_squares(y, select_order(y, largest, criterion)))
            if extra and count - largest > 1 + extra + largest:
                arx.append(least_squares(y, select_order(y, largest, criterion, inputs), inputs))
        return cls(season, ar, arx)

    @property
    def memory(self) -> int:
        """Steps of the past that are needed."""
        return max(self.season, *(model.order for model in [*self.ar, *self.arx]))

    @property
    def titles(self) -> dict[str, str]:
        """What each is called for people, with its orders."""
        titles = {"seasonal-naive": f"seasonal naive ({self.season})"}
        for key, models in (("ar", self.ar), ("arx", self.arx)):
            orders = sorted({model.order for model in models})
            if orders:
                span = str(orders[0]) if len(orders) == 1 else f"{orders[0]}–{orders[-1]}"
                titles[key] = f"{key.upper()}({span})"
        return titles

    def forecasts(self, past: Tensor, inputs: Tensor) -> dict[str, Tensor]:
        """Name -> forecasts (count, horizon, series).

        Args:
            past: scaled, (count, time, series), at least `memory` steps.
            inputs: x of the steps ahead, (count, horizon, inputs).
        """
        horizon = inputs.shape[1]
        places = past.shape[1] - self.season + torch.arange(horizon) % self.season
        found = {"seasonal-naive": past[:, places]}
        for key, models in (("ar", self.ar), ("arx", self.arx)):
            if models:
                columns = [
                    model.forecast(past[:, :, series], horizon, inputs if key == "arx" else None)
                    for series, model in enumerate(models)
                ]
                found[key] = torch.stack(columns, 2)
        return found

    def config(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"season": self.season, "ar": list(map(_plain, self.ar)), "arx": list(map(_plain, self.arx))}

    @classmethod
    def from_config(cls, content: dict[str, Any]) -> Baselines:
        """What `config` wrote."""
        return cls(content["season"], list(map(_model, content["ar"])), list(map(_model, content["arx"])))


def _plain(model: Autoregression) -> dict[str, Any]:
    return {
        "coefficients": model.coefficients.tolist(),
        "intercept": float(model.intercept),
        "weights": model.weights.tolist(),
    }


def _model(content: dict[str, Any]) -> Autoregression:
    def tensor(value: Any) -> Tensor:
        return torch.tensor(value, dtype=torch.float64)

    parts = (tensor(content[key]) for key in ("coefficients", "intercept", "weights"))
    return Autoregression(*parts, residuals=torch.zeros(0, dtype=torch.float64))
