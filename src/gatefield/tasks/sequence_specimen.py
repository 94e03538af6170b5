"""What is dissected of a run on sequences: its network, and some of its data step by step."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..core.console import Console
from ..core.errors import InputError
from ..data.windows import Windows, inputs_of
from ..functional.layer_outputs import Inputs
from ..training.objective import Objective
from .explainable import Exhibit, ExplainableInput
from .forecasting import Forecasting
from .sequence_task import SequenceTask
from .task import Session, Task
from .translating import Alignment, alignment
from .translation import Translation

LONGEST = 2000  # characters of a document that are read
DOCUMENTS = 8


@dataclass
class SequenceSpecimen:
    """A trained network on sequences and some of them; for the rest see `specimen.Specimen`.

    Attributes:
        network: in evaluation mode.
        readings: sequences, each a batch of one row.
        layer: the layer to look at, or None.
        seed: of everything random.
        console: shows progress.
        measured: the mean loss of a network on the same data; None where the right answers are unknown.
        looks: where the network looked while it wrote, for some inputs; nothing where it has no attention.
    """

    network: nn.Module
    readings: Sequence[ExplainableInput]
    layer: str | None
    seed: int
    console: Console
    measured: Callable[[nn.Module], Tensor] | None = None
    looks: Callable[[], Iterator[Alignment]] = field(default=lambda: iter(()))

    @property
    def answered(self) -> bool:
        return self.measured is not None

    @property
    def model(self) -> nn.Module:
        return self.network

    @property
    def batches(self) -> Sequence[Inputs]:
        return [reading.inputs for reading in self.readings]

    @property
    def one(self) -> Inputs:
        return self.readings[0].inputs

    def loss(self, model: nn.Module, count: int) -> Tensor:
        if self.measured is None:
            raise InputError("the right answers to these inputs are unknown", hint="leave the inputs out")
        return self.measured(model)

    def symbols(self, reading: ExplainableInput) -> list[str] | None:
        """What stands at each step of ``reading``, where that can be said in a word or symbol."""
        tokens = getattr(reading.exhibit, "tokens", None)
        return None if tokens is None else list(tokens)


def can_be_dissected(task: Task) -> bool:
    """Whether there is a `SequenceSpecimen` of ``task``."""
    return isinstance(task, (Forecasting, SequenceTask))


def specimen_of(
    task: Any, session: Session, layer: str | None, count: int, given: Sequence[Any] = ()
) -> tuple[str, SequenceSpecimen]:
    """What to look at of a trained ``task``, and what it is called.

    Args:
        count: sequences at most, spread over the part of the data that is measured on.
        given: inputs of a person's own to look with instead, as `explain` takes them.

    Raises:
        DataError: the data cannot be read.
        InputError: there is nothing to look with.
    """
    if isinstance(task, Forecasting):
        return _forecaster(task, session, layer, count, given)
    measured = None
    if given and not hasattr(task, "reading"):
        message = f"a run of {task.name} is dissected with its own data"
        raise InputError(message, hint="leave the inputs out")
    if given:
        items = list(task.given(given))
        readings = [task.reading(item) for item in items]
        subject = ", ".join(reading.name for reading in readings[:3])
    else:
        name, part = task.part(None)
        items = [part[i] for i in torch.linspace(0, len(part) - 1, min(count, len(part))).round().long().tolist()]
        readings, measured = list(_readable(task, items)), _loss(task, items, session)
        subject = f"{counted(len(readings), 'sequence')} of the {name} part"
    if not readings:
        raise InputError("there is nothing to look at the network with", hint="give a text or a file behind the run")
    specimen = SequenceSpecimen(task.model, readings, layer, session.seed, session.console, measured)
    if isinstance(task, Translation):
        specimen.looks = functools.partial(_looks, task, items)
    return subject, specimen


def counted(number: int, noun: str) -> str:
    """``number`` of ``noun``, in words."""
    return f"{number} {noun}{'s' * (number != 1)}"


def between(symbols: Sequence[str]) -> str:
    """What stands between symbols in a text: a space between words, nothing between characters."""
    return "" if sum(len(symbol) == 1 for symbol in symbols) > 0.9 * len(symbols) else " "


def _forecaster(
    task: Forecasting, session: Session, layer: str | None, count: int, given: Sequence[Any]
) -> tuple[str, SequenceSpecimen]:
    """A forecaster from scaled values to scaled forecasts, with windows of the test part or series of one's own."""
    offered = task.explainable(given)
    if given:
        readings = list(offered.inputs)
        name = ", ".join(reading.name for reading in readings[:3])
        return name, SequenceSpecimen(offered.model, readings, layer, session.seed, session.console)
    trained = task.trained
    table = trained.frame.table(task.series)
    span = task.division.part("test")
    windows = Windows(table.values, table.covariates, trained.window, trained.horizon, *span)
    chosen = windows.batch(torch.linspace(0, len(windows) - 1, min(count, len(windows))).round().long())
    inputs, targets = [part.to(session.device) for part in inputs_of(chosen)], chosen.targets.to(session.device)
    readings = [
        ExplainableInput(f"window {number + 1}", tuple(part[number : number + 1] for part in inputs), Exhibit())
        for number in range(len(chosen.past))
    ]
    measured = functools.partial(_forecast_loss, trained.objective, inputs, targets)
    name = f"{counted(len(readings), 'window')} of the test part"
    return name, SequenceSpecimen(offered.model, readings, layer, session.seed, session.console, measured)


def _forecast_loss(objective: Objective, inputs: Sequence[Tensor], targets: Tensor, model: nn.Module) -> Tensor:
    return objective.loss(model(*inputs), targets)


def _readable(task: Any, items: Sequence[Any]) -> Iterator[ExplainableInput]:
    """The readings of ``items``; of documents the beginnings, of empty items nothing."""
    for item in items[:DOCUMENTS] if isinstance(items[0], str) else items:
        try:
            given = item[:LONGEST] if isinstance(item, str) else item
            yield task.reading(given) if hasattr(task, "reading") else _first_row(task, given)
        except InputError:
            continue


def _first_row(task: Any, item: Any) -> ExplainableInput:
    """What the network of any task is given of ``item``, of which it may make several rows."""
    batch = next(iter(task.batches([item], 1, False, Session()).epoch(0)))
    row = tuple(part[:1] for part in _arguments(batch, task.model.device))
    return ExplainableInput(str(getattr(item, "place", "a sequence")), row, Exhibit())


def _arguments(batch: Any, device: torch.device) -> tuple[Tensor, ...]:
    inputs = batch.inputs if isinstance(batch.inputs, tuple) else (batch.inputs,)
    return tuple(part.to(device) for part in inputs)


def _loss(task: Any, items: Sequence[Any], session: Session) -> Callable[[nn.Module], Tensor]:
    """The mean loss on the first mini-batch of ``items``."""
    batch = next(iter(task.batches(items, max(len(items), 1), False, Session(session.seed)).epoch(0)))
    inputs = _arguments(batch, session.device)
    targets = batch.targets.to(session.device)
    objective = task.objective(task.model)

    def loss(model: nn.Module) -> Tensor:
        outputs = model(*inputs)
        return objective.loss(outputs[0] if getattr(model, "returns_state", False) else outputs, targets)

    return loss


def _looks(task: Translation, items: Sequence[Any]) -> Iterator[Alignment]:
    """Where the network looked while it translated ``items`` at its own hands."""
    for item, translated in zip(items, task.translations(items, Session())):
        found = alignment(task.network, task.codecs, item.source, translated.symbols)
        if found is None:
            return
        yield found
