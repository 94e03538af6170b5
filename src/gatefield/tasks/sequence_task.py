"""What tasks on sequences share: parts held out, training, the run folder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

import torch
from torch import nn

from ..core.arguments import Interval
from ..core.errors import DataError
from ..core.run_folder import RunFolder
from ..core.seeding import derive
from ..data.corpus import Parts
from ..data.holding_out import hold_out
from ..data.reader import Reader
from ..models.model import Model
from ..training import batches as training_batches
from ..training.objective import Objective, objective_for
from ..training.schedule import Progress
from ..training.settings import Training
from .fitting import fit_network
from .network import restore_network, save_network
from .task import Session, Task, require_trained

Share = Annotated[float, Interval("[0, 1)")]
Item = TypeVar("Item")
HELD_OUT = 0.1
#: Items in a batch where nothing is learned.
BATCH = 128


class Batches(training_batches.Batches, Protocol):
    """Mini-batches that know what data they are made of."""

    def fingerprint(self) -> int:
        """A checksum that changes when the data change."""
        ...


class SequenceTask(Task, Generic[Item]):
    """A task whose data are `Parts` of items. What it does with them, the methods that raise below say.

    Attributes:
        data: gives the items.
        training: how to train.
        validation: share of the training items held out to choose the best epoch; None: a tenth where the data have no
            validation part of their own. The same items for every seed, so that runs compare.
        test: share held out to measure; None: a tenth where the data have neither a test nor a validation part.
        baselines: whether simple methods are measured beside the network.
        beside: what they reached on the part that is measured by default: name -> metrics.
    """

    data: Reader
    training: Training
    validation: float | None = None
    test: float | None = None
    baselines: bool = False
    beside: Mapping[str, dict[str, Any]] = MappingProxyType({})
    _trained: Model | None = None
    _objective: Objective | None = None

    # ------------------------------------------------------------------------------------------ what a task says itself

    def learn(self, items: Sequence[Item]) -> None:
        """Learn from the training items what is not weights: vocabularies, scales, classes."""
        raise NotImplementedError

    def build(self) -> Model:
        """The network, untrained, after `learn`.

        Raises:
            ArgumentError: model and data do not fit together.
        """
        raise NotImplementedError

    def batches(
        self, items: Sequence[Item], batch_size: int | Literal["all"], shuffle: bool, session: Session
    ) -> Batches:
        """Mini-batches of ``items`` for the network."""
        raise NotImplementedError

    def learned(self) -> dict[str, Any]:
        """What `learn` learned, as JSON holds it."""
        raise NotImplementedError

    def take(self, learned: dict[str, Any]) -> None:
        """What `learned` returned, read from a run folder; everything `predict` needs beside the network."""
        raise NotImplementedError

    def measure(self, items: Sequence[Item], session: Session) -> dict[str, Any]:
        """Metrics of the trained network on ``items``; at least ``count`` and ``loss``."""
        raise NotImplementedError

    def measure_baselines(self, train: Sequence[Item], items: Sequence[Item]) -> dict[str, dict[str, Any]]:
        """Name -> metrics on ``items`` of simple methods that learned from ``train``."""
        raise NotImplementedError

    # what may be said otherwise

    def same(self, item: Item) -> Hashable:
        """Items of the same value never stand in different parts."""
        *content, _place = item  # type: ignore[misc]
        return repr(content)

    def stratum(self, item: Item) -> Hashable:
        """A part is held out of every stratum in proportion: of every class, for example."""
        return None

    def hold_out(self, items: Sequence[Item], share: float) -> tuple[Sequence[Item], Sequence[Item] | None]:
        """The rest and about ``share`` of ``items``."""
        return hold_out(items, share, same=self.same, stratum=self.stratum)

    def before_update(self) -> Callable[[Progress], None]:
        """What is told of the progress of training before each update."""
        return lambda progress: None

    def objective(self, model: Model) -> Objective:
        """The loss of ``model``; by default what its output unit implies."""
        return objective_for(model.output)

    def trainer(self, model: Model) -> nn.Module:
        """What is trained: ``model``, or something around it that answers batches in another way."""
        return model

    # --------------------------------------------------------------------------------------------------------- the rest

    @property
    def model(self) -> Model:
        """The trained network.

        Raises:
            InputError: it is not trained yet.
        """
        return require_trained(self._trained)

    @functools.cached_property
    def parts(self) -> Parts[Item]:
        """The data, read once, with the parts that the reader did not make held out.

        Raises:
            DataError: a share is asked for, and the data have such a part of their own.
        """
        parts: Parts[Item] = self.data.read()
        by_default = 0.0 if self.validation is not None or parts.validation is not None else HELD_OUT
        test, train = self._held_out("test", parts.train, parts.test, self.test, by_default)
        by_default = 0.0 if self.validation is not None else HELD_OUT
        validation, train = self._held_out("validation", train, parts.validation, self.validation, by_default)
        return Parts(train, validation, test, parts.classes, parts.notes)

    def _held_out(
        self, name: str, train: Sequence[Item], own: Sequence[Item] | None, share: float | None, by_default: float
    ) -> tuple[Sequence[Item] | None, Sequence[Item]]:
        if own is not None and share is not None:
            raise DataError(f"the data have a {name} part of their own", hint=f"leave '{name}' out")
        share = by_default if share is None else share
        if own is not None or not share:
            return own, train
        rest, held_out = self.hold_out(train, share)
        return held_out, rest

    def part(self, name: str | None) -> tuple[str, Sequence[Item]]:
        """A part of the data, by default the one to measure on: test, else validation.

        Raises:
            DataError: the data have no such part.
        """
        parts = {"test": self.parts.test, "validation": self.parts.validation, "train": self.parts.train}
        name = name or next(key for key, items in parts.items() if items is not None)
        items = parts.get(name)
        if items is None:
            have = ", ".join(key for key, items in parts.items() if items is not None)
            raise DataError(f"the data have no {name} part", hint=f"choose one of: {have}")
        return name, items

    def prepare(self, session: Session) -> None:
        parts = self.parts
        for note in parts.notes:
            session.console.warn(note)
        self.training.require_validation(parts.validation is not None)
        self.learn(parts.train)
        torch.manual_seed(derive(session.seed, "initialization"))
        self._untrained = self.build()

    def fit(self, session: Session, folder: RunFolder) -> None:
        model, parts = self._untrained, self.parts
        objective = self.objective(model)
        train = self.batches(parts.train, self.training.batch_size, True, session)
        held_out = parts.validation
        validation = None if held_out is None else self.batches(held_out, BATCH, False, session)
        fit_network(
            self.trainer(model),
            objective,
            self.training,
            train,
            validation,
            session,
            folder,
            fingerprint=train.fingerprint(),
            before_update=self.before_update(),
        )
        self._trained, self._objective = model.eval(), objective
        if not session.processes.leads:
            return
        if self.baselines:
            self.beside = self.measure_baselines(parts.train, self.part(None)[1])
        save_network(folder, self.name, model, objective, {"learned": self.learned(), "baselines": dict(self.beside)})

    def restore(self, session: Session, folder: RunFolder) -> None:
        network = restore_network(folder, session.device, "learned", "baselines")
        self._trained, self._objective, self.beside = network.model, network.objective, network.content["baselines"]
        self.take(network.content["learned"])

    def evaluate(self, session: Session, split: str | None = None) -> dict[str, Any]:
        require_trained(self._trained)
        name, items = self.part(split)
        beside = {"baselines": self.beside} if self.beside and split is None else {}
        return {"split": name} | self.measure(items, session) | beside
