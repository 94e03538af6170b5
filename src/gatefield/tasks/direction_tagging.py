"""Train a network to tell, at every step of a series, whether it rises next."""

from __future__ import annotations

import functools
import math
import pathlib
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Self

import torch
from torch import Tensor

from ..core.arguments import PositiveInt
from ..core.configurable import DEFAULTS, Spec, named
from ..core.errors import ArgumentError, DataError
from ..core.run_folder import RunFolder
from ..data.corpus import Parts
from ..data.length_buckets import LengthBuckets
from ..data.ragged import Ragged
from ..data.readers.csv_series import CsvSeries
from ..data.sequence_set import TaggedSequences
from ..data.series import Series, SeriesReader
from ..functional.autoregression import least_squares, select_order
from ..functional.spread import spread_over
from ..models.model import Model
from ..models.sequence.sequence_predictor import SequencePredictor
from ..render.page import Page
from ..training.settings import Training
from . import direction_page
from .attacked.directions import Stretches
from .bucketing import bucketed
from .explainable import Explainable, ExplainableInput
from .explained.directions import REMARK, Course, ExplainableDirections
from .foretelling import build_foreteller
from .sequence_task import BATCH, SequenceTask, Share
from .task import Session

HELD_OUT = 0.15
LARGEST_ORDER = 20
CLASSES = ("not up", "up")
TAGGER: Any = types.MappingProxyType({"name": "sequence-predictor", "output": "softmax"})


class Stretch(NamedTuple):
    """Successive steps: the changes that are seen, float64 (time, series), whether the first series rises next, int64
    (time,), the places of the steps in the series, the series, and what a person calls the stretch.
    """

    changes: Tensor
    rises: Tensor
    steps: range
    series: Series
    place: str


class DirectionTagging(SequenceTask[Stretch]):
    """Tag every step of a series, a price for example, with "up" or "not up": where it goes next (catalogue 223).

    The network sees the changes up to a step, and nothing after it. The series is cut in time: the network is trained
    on the first part, its best epoch is found on the second, and it is measured on the third. Beside it stand the
    commonest tag, the last change again, and an autoregression; and how far a coin gets by luck: prices in earnest
    seldom allow more.

    Args:
        data: where the series come from; the first one is tagged, all are seen.
        model: the network, with an answer at every step and the output unit "softmax".
        length: steps of a stretch that is read at a time, from an empty memory on.
        logarithm: see changes in proportion, as of prices, not differences.
        validation, test: shares of the steps.
        training: how to train; ``batch_size`` counts stretches.
        baselines: measure simple methods beside the network.
    """

    name = "direction-tagging"

    def __init__(
        self,
        data: SeriesReader = named("random-walk"),
        model: Spec[Model] = TAGGER,
        length: PositiveInt = 50,
        logarithm: bool = True,
        validation: Share = HELD_OUT,
        test: Share = HELD_OUT,
        training: Training = DEFAULTS,
        baselines: bool = True,
    ) -> None:
        self.data, self.spec, self.length, self.logarithm = data, model, length, logarithm
        self.validation: float = validation
        self.test: float = test
        self.training, self.baselines = training, baselines
        self._names: list[str] = []
        if validation + test >= 1 or not test:
            message = f"shares of {validation} and {test} leave nothing to train or to measure on"
            raise ArgumentError(message, hint="let them sum to less than 1, and test be more than 0", path=("test",))

    @functools.cached_property
    def parts(self) -> Parts[Stretch]:
        """The stretches of each part of the time.

        Raises:
            DataError: a series too short, or without logarithms.
        """
        series = self.data.read()
        changes, rises = self._changes(series)[:-1], (series.values[:, 0].diff() > 0)[1:].long()
        self._names, count = list(series.names), len(changes)
        ends = [round(count * (1 - self.validation - self.test)), round(count * (1 - self.test)), count]
        if series.parts is not None:
            ends = [max(end - 2, 0) for end in (*series.parts, len(series))]  # the last change is known, and one after
        train, validation, test = (
            [
                self._stretch(series, changes[first:last], rises[first:last], first + 1)
                for first in range(start, end, self.length)
                for last in [min(first + self.length, end)]
            ]
            for start, end in zip((0, *ends), ends)
        )
        if not train or not test:
            message = f"{len(series)} steps are too few to train and to measure on"
            raise DataError(message, hint="give a longer series")
        return Parts(train, validation or None, test, CLASSES, series.notes)

    def _changes(self, series: Series) -> Tensor:
        """The changes from step to step, (time - 1, series).

        Raises:
            DataError: a value that is not positive, which has no logarithm.
        """
        values = series.values
        if self.logarithm and not bool((values > 0).all()):
            step, column = (values <= 0).nonzero()[0].tolist()
            message = f"'{series.names[column]}' is {float(values[step, column]):g} at {series.stamp(step)}"
            raise DataError(f"{message}, and has no logarithm", hint="set logarithm=false to see differences")
        return (values.log() if self.logarithm else values).diff(dim=0)

    @staticmethod
    def _stretch(series: Series, changes: Tensor, rises: Tensor, begin: int, place: str = "") -> Stretch:
        """The steps of ``series`` from ``begin`` on at which ``changes`` are seen."""
        steps = range(begin, begin + len(changes))
        span = f"{series.stamp(steps[0])} to {series.stamp(steps[-1])}" if len(changes) else "no step"
        return Stretch(changes, rises, steps, series, place or span)

    def _newest(self, series: Series, place: str) -> Stretch:
        """The end of ``series``; nobody knows whether it rises after the last step.

        Raises:
            DataError: fewer than two steps, or values without logarithms.
        """
        newest = self._changes(series)[-self.length :]
        if not len(newest):
            raise DataError(f"{place} has {len(series)} step", hint="give at least two: a change is what is seen")
        unknown = torch.zeros(len(newest), dtype=torch.int64)
        return self._stretch(series, newest, unknown, len(series) - len(newest), place)

    def learn(self, items: Sequence[Stretch]) -> None:
        changes = torch.cat([item.changes for item in items])
        self._mean, spread = changes.mean(0), changes.std(0, correction=0)
        self._spread = torch.where(spread > 0, spread, 1.0)

    def learned(self) -> dict[str, Any]:
        return {"names": self._names, "mean": self._mean.tolist(), "spread": self._spread.tolist()}

    def take(self, learned: dict[str, Any]) -> None:
        self._names = learned["names"]
        self._mean, self._spread = (torch.tensor(learned[key], dtype=torch.float64) for key in ("mean", "spread"))

    def build(self) -> Model:
        features, classes = len(self._mean), len(CLASSES)
        return build_foreteller(self.spec, features, classes, "softmax", "tag steps of numbers", "the change")

    def batches(
        self, items: Sequence[Stretch], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> LengthBuckets:
        seen = Ragged.from_rows([self._scaled(item.changes) for item in items])
        sequences = TaggedSequences(seen, Ragged.from_rows([item.rises for item in items]))
        sequences.unit = "step"
        return bucketed(sequences, batch_size, shuffle, session)

    def _scaled(self, changes: Tensor) -> Tensor:
        return ((changes - self._mean) / self._spread).float()

    @torch.inference_mode()
    def chances(self, items: Sequence[Stretch], session: Session) -> Tensor:
        """The chance of a rise after each step of all ``items``, in their order, float64 (steps,)."""
        found: list[Tensor] = [torch.zeros(0)] * len(items)
        alone = Session(session.seed, console=session.console)
        for batch in self.batches(items, BATCH, False, alone).epoch(0):
            x, lengths = (part.to(session.device) for part in batch.inputs)
            chance = self.model(x, lengths)[0].softmax(2)[:, :, 1].double().cpu()
            for index, row, end in zip(batch.indices.tolist(), chance, batch.inputs[1].tolist()):
                found[index] = row[:end]
        return torch.cat(found)

    def measure(self, items: Sequence[Stretch], session: Session) -> dict[str, Any]:
        rises, chance = torch.cat([item.rises for item in items]), self.chances(items, session)
        luck = 1.96 * math.sqrt(0.25 / len(rises))
        return {**_judged(chance, rises), "coin": [0.5 - luck, 0.5 + luck]}

    def measure_baselines(self, train: Sequence[Stretch], items: Sequence[Stretch]) -> dict[str, dict[str, Any]]:
        known, rises = torch.cat([item.rises for item in train]), torch.cat([item.rises for item in items])
        share = (known.double().sum() + 1) / (len(known) + 2)
        own = torch.cat([item.changes[:, 0] for item in train])
        model = least_squares(own, select_order(own, min(LARGEST_ORDER, len(own) // 4)))
        every = [item for part in (self.parts.train, self.parts.validation, self.parts.test) for item in part or ()]
        changes = torch.cat([item.changes[:, 0] for item in every])
        first = items[0].steps.start - every[0].steps.start
        seen = changes[max(first - max(model.order, 1) + 1, 0) : first + len(rises)]
        histories = seen.unfold(0, model.order, 1)[-len(rises) :] if model.order else seen.new_zeros(len(rises), 0)
        said = model.forecast(histories, 1)[:, 0]
        return {
            "commonest tag": _judged(share.expand(len(rises)), rises),
            "last change again": _judged((seen[-len(rises) :] > 0).double(), rises, certain=True),
            f"AR({model.order})": _judged((said > 0).double(), rises, certain=True),
        }

    def describe(self, metrics: dict[str, Any]) -> str:
        low, high = metrics["coin"]
        lines = [
            f"{metrics['split']}: {metrics['count']} steps, accuracy {metrics['accuracy']:.2%}, loss "
            f"{metrics['loss']:.4f}",
            f"a coin: {low:.1%} to {high:.1%} in 95 of 100 cases, loss {math.log(2):.4f}",
        ]
        for name, found in metrics.get("baselines", {}).items():
            loss = f", loss {found['loss']:.4f}" if "loss" in found else ""
            lines.append(f"{name}: accuracy {found['accuracy']:.2%}{loss}")
        return "\n".join(lines)

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        """Whether a series rises after its end: a CSV file with the columns of the training data, or its bytes.

        Raises:
            DataError: a file that cannot be used, or with fewer than two steps.
        """
        _ = self.model
        for newest in self.given(inputs):
            up = float(self.chances([newest], session)[-1])
            ranked = sorted(zip((1 - up, up), CLASSES), reverse=True)
            yield {
                "input": newest.place,
                "after": newest.series.stamp(newest.steps[-1]),
                "label": ranked[0][1],
                "top": [{"label": label, "probability": chance} for chance, label in ranked[:top]],
            }

    def given(self, files: Iterable[Any]) -> Iterator[Stretch]:
        """The ends of the series that a person gives, each a CSV file or its bytes.

        Raises:
            DataError: a file that cannot be used, or with fewer than two steps.
        """
        options = dict(self.data.arguments) if isinstance(self.data, CsvSeries) else {}
        for given in files:
            place = "<bytes>" if isinstance(given, bytes) else str(given)
            reader = CsvSeries(**(options | {"path": place, "columns": self._names}))
            yield self._newest(reader.parse(given, place) if isinstance(given, bytes) else reader.read(), place)

    def reading(self, item: Stretch) -> ExplainableInput:
        """A stretch for explainers, step by step; after each the network says whether the series rises."""
        device, series = self.model.device, item.series
        inputs = (self._scaled(item.changes)[None].to(device), torch.tensor([len(item.steps)], device=device))
        changes = (item.changes[:, 0].expm1() if self.logarithm else item.changes[:, 0]).tolist()
        course = Course(
            series.values[item.steps.start : item.steps.stop, 0],
            [f"{change:+.2%}" if self.logarithm else f"{change:+.3g}" for change in changes],
            [series.stamp(step) for step in item.steps],
            self._names,
        )
        last = [len(item.steps) - 1]
        return ExplainableInput(item.place, inputs, course, positions=course.stamps, asked=last, remark=REMARK)

    def explainable(self, files: Iterable[Any]) -> Explainable:
        """The ends of series for explainers, each a CSV file; of the run's own series where there is none."""
        model = self.model
        assert isinstance(model, SequencePredictor)
        stretches = self.given(files := list(files))
        if not files:
            stretches = iter([self._newest(self.data.read(), "the end of the run's own series")])
        return ExplainableDirections.of(model, CLASSES, map(self.reading, stretches))

    def attackable(self, files: Iterable[Any], count: int) -> Stretches:
        """Stretches for attacks; of the task's own data at most ``count``, spread over the part that is measured on.

        Of a file the newest steps of which it tells what came: all but the last.

        Raises:
            DataError: a file that cannot be used, or with fewer than three steps.
        """
        model = self.model
        assert isinstance(model, SequencePredictor)
        split, stretches = None, [self._followed(newest) for newest in self.given(files)]
        if not stretches:
            split, part = self.part(None)
            stretches = [part[index] for index in spread_over(len(part), count).tolist()]
        return Stretches.of(
            model,
            split,
            [each.place for each in stretches],
            [self._scaled(each.changes) for each in stretches],
            [each.rises for each in stretches],
            [[each.series.stamp(step) for step in each.steps] for each in stretches],
            self._names[0],
        )

    def _followed(self, newest: Stretch) -> Stretch:
        """The end of the same series, without the step of which nobody knows what came after it.

        Raises:
            DataError: there is no other.
        """
        series = newest.series
        changes, rises = self._changes(series)[:-1][-self.length :], (series.values[1:, 0].diff() > 0)[-self.length :]
        if not len(changes):
            message = f"{newest.place} has {len(series)} steps"
            raise DataError(message, hint="give at least three: a change, and what came after it")
        return self._stretch(series, changes, rises.long(), len(series) - 1 - len(changes), newest.place)

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        direction_page.compose(self, session, folder, page)

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        encoder = {"name": "recurrent", "hidden": [4]}
        small = {"name": "sequence-predictor", "encoder": encoder, "output": "softmax"}
        data = CsvSeries.sample(folder)
        return cls(data=data, model=small, length=10, training=Training(epochs=2))  # type: ignore[arg-type]


def _judged(chance: Tensor, rises: Tensor, certain: bool = False) -> dict[str, Any]:
    """Count, accuracy, and unless the answers are only yes or no the loss in nats."""
    right = float(((chance > 0.5) == rises.bool()).double().mean())
    if certain:
        return {"count": len(rises), "accuracy": right}
    of_truth = torch.where(rises.bool(), chance, 1 - chance)
    return {"count": len(rises), "accuracy": right, "loss": float(-of_truth.log().mean())}
