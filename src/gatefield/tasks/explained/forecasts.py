"""Forecasts for explainers: what each step back counts for each step ahead, in the units of the series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...data.calendar import calendar_features
from ...data.series import Series
from ...data.windows import Window, inputs_of, relative
from ...models.model import Model
from ..back_test import NETWORK
from ..exhibits import Past
from ..explainable import Answer, Explainable, ExplainableInput
from ..forecast_frame import Level
from ..trained_forecaster import TrainedForecaster

REMARK = (
    "Contributions are counted from the mean of the training part: integrated gradients sum to the forecast less what "
    "the network would forecast after nothing but means. Covariates of the steps ahead stay as they are."
)


class LevelledForecaster(nn.Module):
    """A forecasting network from scaled values to scaled forecasts, the level that it counts from put back in.

    Args:
        network: takes windows relative to their level.
        series: how many series it forecasts.
        level: see `data.windows.relative`.
    """

    def __init__(self, network: Model, series: int, level: Level) -> None:
        super().__init__()
        self.network, self.series = network, series
        self.level: Level = level

    def forward(self, past: Tensor, lengths: Tensor | None = None, future: Tensor | None = None) -> Tensor:
        """(batch, horizon, series, levels) after ``past`` (batch, window, series + covariates)."""
        ahead = past.new_zeros(len(past), 1, 0) if future is None else future
        window, base = relative(Window(past, ahead, past.new_zeros(len(past), 1, self.series)), self.series, self.level)
        return self.network(*(part.to(past.device) for part in inputs_of(window))) + base[..., None]


@dataclass(frozen=True)
class ExplainableForecasts(Explainable):
    """Medians at each step ahead; a target is a series.

    Attributes:
        middle: the place of the median among the levels of the outputs.
    """

    middle: int = 0

    @classmethod
    def of(cls, trained: TrainedForecaster, inputs: Iterator[ExplainableInput]) -> Self:
        """What ``trained`` offers for ``inputs``, that `forecast_reading` made."""
        names = trained.frame.names
        return cls(
            LevelledForecaster(trained.model, len(names), trained.level).eval(),
            names,
            lambda outputs: outputs,
            inputs,
            noun="series",
            options={"occlusion": {"window": 1}},
            middle=list(trained.model.arguments["quantiles"]).index(0.5),
        )

    def answers(
        self, given: ExplainableInput, outputs: Any, target: str | None, position: int | None
    ) -> Iterator[Answer]:
        shown, series = given.exhibit, 0 if target is None else self.number(target)
        assert isinstance(shown, Past)
        for at in given.explained(position):
            assert at is not None
            value, name = float(shown.forecast[at, series]), self.classes[series]
            ahead = f"{at + 1} step{'s' * (at > 0)} ahead"
            sentence = f"Explained is the forecast of {name} for {shown.ahead[at]}, {ahead}: {value:.6g}."
            yield Answer(f"{value:.6g}", name, (at, series, self.middle), None, at, sentence)


def forecast_reading(trained: TrainedForecaster, series: Series, name: str) -> ExplainableInput:
    """The end of ``series`` for explainers.

    Raises:
        DataError: a series of another kind, one that is too short, or covariates that end too soon.
    """
    count, window, horizon = len(series), trained.window, trained.horizon
    frame, outlook = trained.frame, trained.outlook(series)
    table = frame.table(series, horizon)
    past = torch.cat([table.values[-window:], table.covariates[count - window : count]], 1)
    future = table.covariates[None, count : count + horizon].float()
    inputs = inputs_of(Window(past[None].float(), future, past.new_zeros(1, horizon, len(frame.names)).float()))
    own = [frame.scaling.inverse(past[:, : len(frame.names)])]
    if past.shape[1] > len(frame.names):
        own.append(frame.covariate_scaling.inverse(past[:, len(frame.names) :]))
    _, calendar = calendar_features(series, frame.calendar, 0)
    exhibit = Past(
        torch.cat(own, 1),
        [*frame.names, *series.covariate_names, *calendar],
        outlook.stamps,
        outlook.forecasts[NETWORK].point,
        torch.tensor(frame.scaling.arguments["std"]),
        "logarithms" if frame.scaling.logarithm else "units of the series",
    )
    inputs = tuple(part.to(trained.device) for part in inputs)
    return ExplainableInput(name, inputs, exhibit, positions=outlook.stamps, remark=REMARK)
