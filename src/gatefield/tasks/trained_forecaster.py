"""A trained forecaster: network, baselines, intervals and the end of its series; and how a run folder keeps it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch

from ..core.errors import DataError
from ..core.run_folder import RunFolder
from ..data.series import Series
from ..data.windows import Window, Windows, inputs_of, relative
from ..models.model import Model
from ..training.objective import Objective
from ..training.weights import parse_tensors, plain_copy, read_content, write_tensors
from .back_test import NETWORK, Band, Forecasts, Method, Tested
from .forecast_baselines import Baselines
from .forecast_frame import Frame, Level, Table
from .network import restore_network, save_network

BATCH = 512
FILE = "forecast.safetensors"
RECALIBRATIONS = 25  # times that intervals are made anew in a back-test, at most


class Outlook(NamedTuple):
    """Forecasts of what comes after a series.

    Attributes:
        series: what went before.
        stamps: of the steps ahead.
        forecasts: name -> forecasts (horizon, series); NaN for bounds of steps for which no interval was measured.
        calibrated: the first steps, which have intervals.
    """

    series: Series
    stamps: list[str]
    forecasts: dict[str, Forecasts]
    calibrated: int


class TrainedForecaster:
    """Forecasts any series of the kind it was trained on.

    Attributes:
        model, objective: the network, in evaluation mode, and its loss.
        frame: the kind of series.
        baselines: what the network is compared with.
        window, horizon: steps that the network sees and forecasts.
        level: see `data.windows.relative`.
        method, coverage: how intervals are made, and the share of values that they should hold.
        bands: name of a forecaster -> its intervals; those of the newest errors. Empty before `calibrate`.
        tail: the end of the training series, from which `outlook` goes on where no other is given.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        frame: Frame,
        baselines: Baselines,
        window: int,
        horizon: int,
        level: Level,
        method: Method,
        coverage: float,
        tail: Series,
        bands: Mapping[str, Band] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.model, self.objective, self.frame, self.baselines = model.eval(), objective, frame, baselines
        self.window, self.horizon, self.tail = window, horizon, tail
        self.level: Level = level
        self.method: Method = method
        self.coverage, self.bands, self.device = coverage, dict(bands or {}), device

    @property
    def memory(self) -> int:
        """Steps of the past that a forecast needs."""
        return max(self.window, self.baselines.memory)

    def calibrate(self, series: Series, start: int, stop: int, seed: int) -> None:
        """Make the intervals for what comes after ``series``, from the errors since ``start``.

        As many errors are taken as the part ``start .. stop - 1`` has, the newest ones.
        """
        table = self.frame.table(series)
        count = len(self._test(table, start, stop, 1).origins)
        newest = self._test(table, start, len(series), 1).last(count)
        self.bands = self._bands(newest, seed)

    def back_test(
        self, series: Series, part: tuple[int, int], calibration: tuple[int, int], every: int, seed: int
    ) -> Tested:
        """Forecast from every origin of a part, as if nothing after it were known.

        Intervals are made from the errors on the calibration part. In a part that comes later they are made anew from
        time to time: from as many errors, the newest that were known at the origin.

        Args:
            series: the data.
            part: first step and end of the part; all of each horizon lies in it.
            calibration: likewise; the same part, or one before it.
            every: steps from one origin to the next.
            seed: of the bootstrap.
        """
        table = self.frame.table(series)
        known = self._test(table, *calibration, 1)
        found = self._test(table, *part, every)
        count = len(known.origins)
        pieces = []
        span = max(self.horizon, -(-(part[1] - part[0]) // RECALIBRATIONS))
        later = part[0] >= calibration[1]
        for first in range(part[0], part[1], span) if later else [part[0]]:
            here = found.between(first, first + span if later else part[1])
            if len(here.origins):
                over = found.between(0, first - self.horizon + 1 if later else 0)
                bands = self._bands(Tested.join([known, over]).last(count), seed)
                pieces.append(here.map(lambda name, said, bands=bands: bands[name].around(said)))
        own = self.frame.scaling.inverse
        bounded = Tested.join(pieces)
        return bounded.map(lambda name, said: said.map(own))._replace(actual=own(found.actual), loss=found.loss)

    def _bands(self, tested: Tested, seed: int) -> dict[str, Band]:
        return {
            name: Band.measure(self.method, said, tested.actual, self.coverage, seed)
            for name, said in tested.forecasts.items()
        }

    def outlook(self, series: Series | None = None, horizon: int | None = None) -> Outlook:
        """Forecasts of the steps after ``series``.

        A network is asked again for steps beyond its horizon, its medians in place of values; for these no interval was
        measured.

        Args:
            series: by default the one that it was trained on, to its end.
            horizon: steps; by default those it was trained for.

        Raises:
            DataError: a series of another kind, one that is too short, or covariates that end too soon.
        """
        series, steps = series or self.tail, horizon or self.horizon
        if len(series) < self.memory:
            message = f"the series has {len(series)} steps, and forecasters look back {self.memory}"
            raise DataError(message, hint=f"give at least {self.memory} steps")
        blocks = math.ceil(steps / self.horizon)
        table = self.frame.table(series, blocks * self.horizon)
        found = self._ahead(table, blocks)
        own, calibrated = self.frame.scaling.inverse, min(steps, self.horizon)
        forecasts: dict[str, Forecasts] = {}
        for name, said in found.items():
            bounded = self.bands[name].around(said.map(lambda part: part[: self.horizon]))
            rest = torch.full_like(said.point[self.horizon :], math.nan)
            beyond = Forecasts(said.point[self.horizon :], rest, rest)
            forecasts[name] = Forecasts.join([bounded, beyond]).map(lambda part: own(part)[:steps])
        stamps = [series.stamp(len(series) + step) for step in range(steps)]
        return Outlook(series, stamps, forecasts, calibrated)

    def _ahead(self, table: Table, blocks: int) -> dict[str, Forecasts]:
        """Scaled forecasts of ``blocks`` horizons after the table's values, (steps, series)."""
        end = len(table.values)
        values, parts = table.values, []
        for block in range(blocks):
            origin = end + block * self.horizon
            past = torch.cat([values[-self.window :], table.covariates[origin - self.window : origin]], 1)
            future = table.covariates[origin : origin + self.horizon]
            nothing = values.new_zeros(1, self.horizon, values.shape[1])
            said = self._network(Window(past[None].float(), future[None].float(), nothing.float()))[0]
            parts.append(said.map(lambda part: part[0]))
            values = torch.cat([values, parts[-1].point])
        past = table.values[-self.baselines.memory :][None]
        simple = self.baselines.forecasts(past, table.inputs[None, end : end + blocks * self.horizon])
        found = {name: Forecasts.of_points(point[0]) for name, point in simple.items()}
        return {NETWORK: Forecasts.join(parts), **found}

    def _test(self, table: Table, start: int, stop: int, every: int) -> Tested:
        """Scaled forecasts without intervals from the origins whose horizon lies in ``start .. stop - 1``."""
        start = max(start, self.memory)
        windows = Windows(table.values, table.covariates, self.window, self.horizon, start, stop, every)
        origins = windows.origins
        if not len(windows):
            message = f"a part that ends at step {stop} holds no forecast of {self.horizon} steps from step {start} on"
            raise DataError(message, hint="set a smaller horizon, or give a longer series")
        said, losses = [], []
        for indices in torch.arange(len(windows)).split(BATCH):
            forecasts, loss = self._network(windows.batch(indices))
            said.append(forecasts)
            losses.append(loss * len(indices))
        memory = self.baselines.memory
        ahead = origins[:, None] + torch.arange(self.horizon)
        past = table.values[origins[:, None] - memory + torch.arange(memory)]
        simple = self.baselines.forecasts(past, table.inputs[ahead])
        found = {NETWORK: Forecasts.join(said), **{name: Forecasts.of_points(one) for name, one in simple.items()}}
        return Tested(table.values[ahead], found, sum(losses) / len(windows), origins)

    @torch.inference_mode()
    def _network(self, window: Window) -> tuple[Forecasts, float]:
        """Scaled float64 forecasts for a batch of windows, and the loss on it."""
        counted, base = relative(window, window.targets.shape[2], self.level)
        outputs = self.model(*(part.to(self.device) for part in inputs_of(counted))).float().cpu()
        loss = float(self.objective.loss(outputs, counted.targets))
        # Quantiles that cross are put in order (Chernozhukov, Fernandez-Val and Galichon 2010).
        quantiles = (outputs + base[..., None]).double().sort(dim=3).values
        levels = self.model.arguments["quantiles"]
        point = quantiles[..., list(levels).index(0.5)]
        if len(levels) == 1:
            return Forecasts.of_points(point), loss
        return Forecasts(point, quantiles[..., 0], quantiles[..., -1]), loss

    def save(self, folder: RunFolder, task: str) -> None:
        """Write everything; config.json last, so that its presence means the run is complete."""
        tensors = {"values": plain_copy(self.tail.values), "covariates": plain_copy(self.tail.covariates)}
        for name, band in self.bands.items():
            tensors |= {f"bands/{name}/lower": plain_copy(band.lower), f"bands/{name}/upper": plain_copy(band.upper)}
        write_tensors(folder.path / FILE, tensors, {"format": "pt"})
        content = {
            "frame": self.frame.config(),
            "baselines": self.baselines.config(),
            "window": self.window,
            "horizon": self.horizon,
            "level": self.level,
            "interval": {"method": self.method, "coverage": self.coverage},
            "stamps": list(self.tail.stamps),
        }
        save_network(folder, task, self.model, self.objective, content)

    @classmethod
    def restore(cls, folder: RunFolder, device: torch.device) -> TrainedForecaster:
        """What `save` wrote.

        Raises:
            RunFolderError: the run is unfinished, or config.json lacks something.
            WeightsError: a file of numbers is damaged or belongs to another architecture.
        """
        required = ("frame", "baselines", "window", "horizon", "level", "interval", "stamps")
        model, objective, content = restore_network(folder, device, *required)
        tensors, _ = parse_tensors(read_content(folder.path / FILE), str(folder.path / FILE))
        frame = Frame.from_config(content["frame"])
        names = sorted({key.split("/")[1] for key in tensors if key.startswith("bands/")})
        bands = {name: Band(tensors[f"bands/{name}/lower"], tensors[f"bands/{name}/upper"]) for name in names}
        tail = Series(
            tensors["values"],
            frame.names,
            content["stamps"],
            frame.frequency,
            tensors["covariates"],
            frame.covariate_names,
        )
        return cls(
            model,
            objective,
            frame,
            Baselines.from_config(content["baselines"]),
            content["window"],
            content["horizon"],
            content["level"],
            content["interval"]["method"],
            content["interval"]["coverage"],
            tail,
            bands,
            device,
        )


def tail_of(series: Series, steps: int) -> Series:
    """The last ``steps`` of ``series``, with the covariates of the future."""
    first = max(len(series) - steps, 0)
    return Series(
        series.values[first:],
        series.names,
        series.stamps[first:],
        series.frequency,
        series.covariates[first:],
        series.covariate_names,
    )
