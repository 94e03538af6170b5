"""Forecasts under attack: the past of a series, step by step."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...core.errors import DataError
from ...data.series import Series
from ...data.windows import Window, Windows
from ...explain.attacks.answer_victim import AnswerVictim
from ...render.before_after import Trace, before_after
from ...render.page import Page
from ..explained.forecasts import LevelledForecaster
from ..forecast_frame import Frame
from ..trained_forecaster import TrainedForecaster
from .parts import Part
from .values import AttackedValues, Values

EPSILON = 0.1  # standard deviations
SHOWN = 3


class Origin(NamedTuple):
    """Where a forecast begins: step ``first`` of ``series``."""

    series: Series
    first: int


@dataclass(frozen=True)
class AttackedForecasts(AttackedValues):
    """What became of each forecast.

    Attributes:
        said, said_after, said_of_noise: the medians, scaled, (horizon, series) each.
    """

    inputs: Pasts
    said: Sequence[Tensor]
    said_after: Sequence[Tensor]
    said_of_noise: Sequence[Tensor]

    def illustrate(self, page: Page) -> None:
        page.heading("The past, and what is forecast of it")
        page.text(
            "In blue the forecast, in orange past and forecast attacked, in dashes both with noise as long, dots what "
            "came; below what was added to the past that the network sees, in standard deviations. From the forecast "
            "that suffered most to the one that suffered least; of several series the one that moved most."
        )
        for index in self.shown(SHOWN):
            self._window(page, index)

    def _window(self, page: Page, index: int) -> None:
        frame, (series, first) = self.inputs.frame, self.inputs.origins[index]
        window, horizon = len(self.raw[index]), len(self.said[index])
        column = int((self.said_after[index] - self.said[index]).abs().mean(0).argmax())
        own = frame.scaling.inverse
        after, noise, *said = (
            own(each)[:, column]
            for each in (
                self.changed[index],
                self.noisy[index],
                self.said[index],
                self.said_after[index],
                self.said_of_noise[index],
            )
        )
        seen = series.values[first - window : first, column]
        came = series.values[first : first + horizon, column]
        traces = [
            Trace("with noise", noise, "chance"),
            Trace("attacked", after, "after"),
            Trace("the past", seen, "given"),
            Trace("what came", came, "came", window),
            Trace("with noise", said[2], "chance", window),
            Trace("forecast", said[0], "before", window),
            Trace("attacked", said[1], "after", window),
        ]
        panels = {
            str(frame.names[column]): traces,
            "": [Trace("added, standard deviations", self.added[index][:, column], "added")],
        }
        stamps = [series.stamp(step) for step in range(first - window, first + horizon)]
        caption = f"From {self.inputs.names[index]} on: {self.inputs.quantity} {self.change(index)}."
        page.figure(before_after(panels, stamps, window), caption, "the past and forecasts before and after the attack")


@dataclass(frozen=True)
class Pasts(Values):
    """The last values before each forecast, (window, series), scaled; covariates and calendar stay as they are.

    Attributes:
        frame: the kind of series.
        origins: where each forecast begins.
    """

    frame: Frame
    origins: Sequence[Origin]

    noun = "forecasts"
    unit = "standard deviations"
    note = (
        "Budgets and errors are in standard deviations of the training part, of its logarithm where the network works "
        "with that. Only the past of the series is attacked, covariates and calendar stay as they are; what came stays "
        "what came."
    )
    result = AttackedForecasts

    @classmethod
    def of(
        cls, trained: TrainedForecaster, split: str | None, names: Sequence[str], origins: Sequence[Origin]
    ) -> Pasts:
        """What ``trained`` offers of the forecasts from ``origins`` on; what came is in their series.

        Raises:
            DataError: a series of another kind, or too short for what is seen and what came.
        """
        parts = [_windows(trained, series, steps) for series, steps in _by_series(origins)]
        joined = Window(*(torch.cat(each).to(trained.device) for each in zip(*parts)))
        count = joined.targets.shape[2]
        middle = list(trained.model.arguments["quantiles"]).index(0.5)
        forecaster = LevelledForecaster(trained.model, count, trained.level)
        covariates = joined.past[:, :, count:]

        def answer(raw: Tensor, rows: Tensor) -> Tensor:
            """Scaled medians (rows, horizon, series); quantiles that cross are put in order, as in back-tests."""
            future = joined.future[rows] if joined.future.shape[2] else None
            levels = forecaster(torch.cat([raw, covariates[rows]], 2), None, future)
            return levels.sort(3).values[..., middle]

        def loss(said: Tensor, rows: Tensor) -> Tensor:
            return (said - joined.targets[rows]).abs().mean((1, 2))

        raw = joined.past[:, :, :count].contiguous()
        part = Part(torch.arange(len(raw)), AnswerVictim(trained.model, answer, loss), raw)
        quantity = "mean absolute error, standard deviations"
        return cls(split, names, quantity, [part], trained.frame, origins, options={"epsilon": EPSILON})

    def more(self, raw: Sequence[Tensor], changed: Sequence[Tensor], noisy: Sequence[Tensor]) -> dict[str, Any]:
        values = {"said": raw, "said_after": changed, "said_of_noise": noisy}
        return {name: self.answers(given) for name, given in values.items()}


def _by_series(origins: Sequence[Origin]) -> Iterable[tuple[Series, list[int]]]:
    """The steps of successive origins in the same series."""
    for _, group in itertools.groupby(origins, key=lambda origin: id(origin.series)):
        same = list(group)
        yield same[0].series, [origin.first for origin in same]


def _windows(trained: TrainedForecaster, series: Series, origins: Sequence[int]) -> Window:
    window, horizon = trained.window, trained.horizon
    if min(origins) < window or max(origins) + horizon > len(series):
        message = f"the series has {len(series)} steps; {window} are seen, and {horizon} after them are what came"
        raise DataError(message, hint=f"give at least {window + horizon} steps")
    table = trained.frame.table(series)
    windows = Windows(table.values, table.covariates, window, horizon, 0, len(series))
    return windows.batch(torch.tensor(origins) - window)
