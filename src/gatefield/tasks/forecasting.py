"""Train a network to forecast a time series."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, Self

import torch

from ..core.arguments import Interval, PositiveInt
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import ArgumentError, DataError
from ..core.files import write_bytes, write_text
from ..core.run_folder import RunFolder
from ..core.seeding import derive
from ..data.calendar import Cycle
from ..data.readers.csv_series import CsvSeries
from ..data.series import Series, SeriesReader
from ..data.windows import WindowBatches, Windows, inputs_of
from ..functional.autoregression import Criterion
from ..functional.spread import spread_over
from ..models.model import Model
from ..render.drawing import figure_png
from ..render.page import Page
from ..training.objectives.quantiles import Quantiles
from ..training.settings import Training
from . import forecast_metrics
from .attacked.forecasts import Origin, Pasts
from .back_test import Method, Tested
from .derived_arguments import require_derived
from .division import Division, divide
from .explainable import Explainable
from .explained.forecasts import ExplainableForecasts, forecast_reading
from .fitting import fit_network
from .forecast_baselines import Baselines
from .forecast_frame import ADD_ROWS, Frame, Level
from .forecasting_page import PAST, compose, outlook_figure
from .solving import Solved, require_no_training, solve_network
from .task import Session, Task, require_trained
from .trained_forecaster import BATCH, Outlook, TrainedForecaster, tail_of

Share = Annotated[float, Interval("(0, 1)")]


class Forecasting(Task):
    """Forecast the next steps of one or several series, with intervals, beside baselines (catalogue 130, 131, 225).

    The series is cut in time: the network is trained on the first part, its best epoch and its intervals are found on
    the second, and it is measured on the third, from every origin. Scaling, orders and baselines see the first part
    alone. Intervals are made anew as errors become known: from the newest ones, as many as the second part has.

    Args:
        data: where the series come from.
        model: the network; the data and this task say its sizes. One that is solved for (echo-state-forecaster) takes
            no ``training``.
        window: steps that the network sees.
        horizon: steps that it forecasts.
        season: steps of a season, for the seasonal naive forecast, MASE and the waves of ARX; by default what series of
            this frequency usually have: 12 months, 7 days, 24 hours.
        calendar: positions in these cycles are known ahead and given to the network and to ARX.
        logarithm: work with logarithms: growth in proportion becomes a straight line.
        level: what the network's values are counted from: the last one it sees, or none.
        interval: how intervals are made. "quantiles": the network forecasts them; "conformal-quantiles": and they are
            widened by what the validation part lacks; "conformal": as wide as the errors on the validation part;
            "bootstrap": quantiles of errors drawn from there.
        coverage: share of the values that intervals should hold.
        validation: share of the steps for the second part; by default 0.15, or the data's own division.
        test: likewise for the third.
        every: steps from one origin to the next in back-tests.
        criterion: chooses the orders of AR and ARX.
        training: how to train.
    """

    name = "forecasting"

    def __init__(
        self,
        data: SeriesReader = named("seasonal"),
        model: Spec[Model] = named("forecaster"),
        window: PositiveInt = 48,
        horizon: PositiveInt = 12,
        season: PositiveInt | None = None,
        calendar: Sequence[Cycle] = (),
        logarithm: bool = False,
        level: Level = "last",
        interval: Method = "conformal",
        coverage: Share = 0.9,
        validation: Share | None = None,
        test: Share | None = None,
        every: PositiveInt = 1,
        criterion: Criterion = "aic",
        training: Training = DEFAULTS,
    ) -> None:
        self.data, self.spec, self.window, self.horizon = data, model, window, horizon
        self.season, self.calendar, self.logarithm = season, calendar, logarithm
        self.level: Level = level
        self.interval: Method = interval
        self.coverage, self.validation, self.test, self.every = coverage, validation, test, every
        self.criterion: Criterion = criterion
        self.training = training
        self._trained: TrainedForecaster | None = None
        derived = ("series", "covariates", "horizon", "quantiles")
        require_derived(model, derived, "forecast", "forecaster", "horizon, coverage and interval")
        if issubclass(model.cls, Solved):
            require_no_training(training)
        if training.monitor != "loss":
            message = f"a forecast is neither right nor wrong: there is no {training.monitor} to monitor"
            raise ArgumentError(message, hint="set training.monitor=loss", path=("training", "monitor"))
        if validation is not None and test is not None and validation + test >= 1:
            message = f"nothing is left to train on beside shares of {validation} and {test}"
            raise ArgumentError(message, hint="let them sum to less than 1", path=("test",))

    @property
    def trained(self) -> TrainedForecaster:
        """The trained forecaster.

        Raises:
            InputError: it is not trained yet.
        """
        return require_trained(self._trained)

    @property
    def model(self) -> Model:
        """The trained network."""
        return self.trained.model

    @functools.cached_property
    def series(self) -> Series:
        """The data, read once."""
        return self.data.read()

    @functools.cached_property
    def division(self) -> Division:
        """Where the parts end.

        Raises:
            DataError: the data have parts of their own and shares are asked for, or a part is too short.
        """
        return divide(self.series, self.validation, self.test, self.window, self.horizon)

    def prepare(self, session: Session) -> None:
        series, division = self.series, self.division
        for note in series.notes:
            session.console.warn(note)
        season = self.season or min(series.frequency.season, division.train - 1)
        if season >= division.train:
            message = f"the training part has {division.train} steps, less than two of a season of {season}"
            raise DataError(message, hint="set a smaller season")
        self._frame = Frame.measure(series, division.train, season, self.calendar, self.logarithm)
        for name, scale in zip(series.names, self._frame.scale):
            if scale == 0:
                session.console.warn(f"'{name}' repeats itself exactly in training: MASE is not defined for it")
        if lack := self._frame.lack(series, self.horizon):
            session.console.warn(f"{lack}: there will be a back-test alone; {ADD_ROWS}")
        self._table = self._frame.table(series)
        torch.manual_seed(derive(session.seed, "initialization"))
        self._untrained = self.spec.build(
            series=len(series.names),
            covariates=self._table.covariates.shape[1],
            horizon=self.horizon,
            quantiles=self.quantiles,
        )
        one = self._windows("train").batch(torch.arange(1))
        with torch.no_grad():
            self._untrained.eval()(*inputs_of(one))  # a model that cannot read such windows says so here

    def _windows(self, part: str) -> Windows:
        start, stop = self.division.part(part)
        return Windows(self._table.values, self._table.covariates, self.window, self.horizon, start, stop)

    @property
    def quantiles(self) -> list[float]:
        """The levels that the network forecasts."""
        if self.interval in ("quantiles", "conformal-quantiles"):
            tail = (1 - self.coverage) / 2
            return [tail, 0.5, 1 - tail]
        return [0.5]

    def fit(self, session: Session, folder: RunFolder) -> None:
        division, processes, table = self.division, session.processes, self._table
        objective = Quantiles(self.quantiles)

        def batches(part: str, size: int | Literal["all"], shuffle: bool) -> WindowBatches:
            seed, rank, world = session.seed, processes.rank, processes.count
            return WindowBatches(
                self._windows(part), size, level=self.level, seed=seed, shuffle=shuffle, rank=rank, world=world
            )

        validation, model, training = batches("validation", BATCH, False), self._untrained, self.training
        if isinstance(model, Solved):
            every = WindowBatches(self._windows("train"), BATCH, level=self.level, seed=0, shuffle=False)
            solve_network(model, objective, every, validation, session, folder)
        else:
            train = batches("train", training.batch_size, True)
            fingerprint = train.windows.fingerprint()
            fit_network(model, objective, training, train, validation, session, folder, fingerprint=fingerprint)
        values, inputs = table.values[: division.train], table.inputs[: division.train]
        baselines = Baselines.fit(values, inputs, self._frame.season, self.criterion)
        kept = max(self.window, baselines.memory, PAST * self.horizon)
        trained = self._trained = TrainedForecaster(
            model,
            objective,
            self._frame,
            baselines,
            self.window,
            self.horizon,
            self.level,
            self.interval,
            self.coverage,
            tail_of(self.series, kept),
            device=session.device,
        )
        trained.calibrate(self.series, *division.part("validation"), session.seed)
        if not all(band.finite for band in trained.bands.values()):
            origins = len(validation.windows)
            session.console.warn(f"{origins} forecasts to judge by are too few for intervals of {self.coverage:.0%}")
        if processes.leads:
            trained.save(folder, self.name)

    def restore(self, session: Session, folder: RunFolder) -> None:
        self._trained = TrainedForecaster.restore(folder, session.device)

    def evaluate(self, session: Session, split: str | None = None) -> dict[str, Any]:
        name, tested = self._back_test(session, split)
        return {"split": name} | forecast_metrics.measure(self.trained, tested)

    def describe(self, metrics: dict[str, Any]) -> str:
        return forecast_metrics.describe(metrics)

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        """Forecasts after the end of each series: a CSV file, or the bytes of one."""
        trained = self.trained
        for given in inputs:
            place = "<bytes>" if isinstance(given, bytes) else str(given)
            yield {"input": place, **self.answer(trained.outlook(self._read(given)))}

    def forecast(
        self, session: Session, horizon: int | None = None, data: str | pathlib.Path | bytes | None = None
    ) -> Outlook:
        """What comes after the series; the training data need not be there.

        Args:
            horizon: steps; by default those that the network was trained for.
            data: a CSV file with another series of the same columns, or its bytes; by default the training series to
                its end.

        Raises:
            DataError: the file cannot be used.
        """
        return self.trained.outlook(None if data is None else self._read(data), horizon)

    def answer(self, outlook: Outlook) -> dict[str, Any]:
        """``outlook`` as JSON holds it: ``after``, ``interval``, ``coverage``, and the rows of ``forecast``."""
        return forecast_metrics.answer(self.trained, outlook)

    def write(self, outlook: Outlook, path: pathlib.Path) -> None:
        """Write ``outlook`` as a table (``.csv``) or as a drawing (any other ending).

        Raises:
            StorageError: the file cannot be written.
        """
        if path.suffix.lower() == ".csv":
            write_text(path, forecast_metrics.csv_text(self.answer(outlook)))
            return
        write_bytes(path, figure_png(outlook_figure(self.trained, outlook), dpi=160))

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """Series for explainers, each a CSV file; the training series to its end where there is none."""
        trained = self.trained
        given = [("<bytes>" if isinstance(file, bytes) else str(file), self._read(file)) for file in files]
        series = given or [("the end of the training series", trained.tail)]
        return ExplainableForecasts.of(trained, (forecast_reading(trained, one, name) for name, one in series))

    def attackable(self, files: Iterable[Any], count: int) -> Pasts:
        """Forecasts for attacks; of the task's own data at most ``count``, spread over the test part.

        A file's last steps, as many as are forecast, are what came; what is attacked are those before them.

        Raises:
            DataError: a series of another kind, or too short.
        """
        trained = self.trained
        given = [("<bytes>" if isinstance(file, bytes) else str(file), self._read(file)) for file in files]
        if given:
            ends = [Origin(series, len(series) - trained.horizon) for _, series in given]
            return Pasts.of(trained, None, [name for name, _ in given], ends)
        series, (start, stop) = self.series, self.division.part("test")
        steps = torch.arange(max(start, trained.memory), stop - trained.horizon + 1, self.every)
        origins = [Origin(series, first) for first in steps[spread_over(len(steps), count)].tolist()]
        return Pasts.of(trained, "test", [series.stamp(origin.first) for origin in origins], origins)

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        name, tested = self._back_test(session, None)
        compose(page, self.trained, self.series, name, tested, self.training.monitor, folder)

    def _back_test(self, session: Session, split: str | None) -> tuple[str, Tested]:
        name, trained = split or "test", self.trained
        part, calibration = self.division.part(name), self.division.part("validation")
        return name, trained.back_test(self.series, part, calibration, self.every, session.seed)

    def _read(self, given: str | pathlib.Path | bytes) -> Series:
        """A series in a CSV file, its columns those of the training data."""
        frame = self.trained.frame
        options = dict(self.data.arguments) if isinstance(self.data, CsvSeries) else {}
        place = "<bytes>" if isinstance(given, bytes) else str(given)
        options |= {"path": place, "columns": list(frame.names), "covariates": list(frame.covariate_names)}
        reader = CsvSeries(**options)
        return reader.parse(given, place) if isinstance(given, bytes) else reader.read()

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        from ..models.sequence.forecaster import Forecaster

        small = {"name": "recurrent", "cell": "gru", "hidden": [4]}
        return cls(
            data=CsvSeries.sample(folder),
            model=Spec(Forecaster, encoder=small),
            window=12,
            horizon=3,
            training=Training(epochs=2),
        )
