"""The contract of a task."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeVar

import torch

from ..core.configurable import Configurable
from ..core.console import Console, silent
from ..core.errors import InputError
from ..core.run_folder import RunFolder
from ..render.page import Page
from ..training.distributed import Processes

Trained = TypeVar("Trained")


@dataclass(frozen=True)
class Session:
    """The circumstances of one run: what the recipe does not say.

    Attributes:
        seed: of every random choice.
        processes: this process among those that train together, and its device.
        console: where talk and progress go.
    """

    seed: int = 0
    processes: Processes = field(default_factory=Processes)
    console: Console = field(default_factory=silent)

    @property
    def device(self) -> torch.device:
        """Where to compute."""
        return self.processes.device


class Task(Configurable):
    """A kind of problem, from raw data to answers. Its constructor's signature is the schema of its recipes.

    Building a task reads nothing: a trained run answers questions where its training data are gone.
    """

    kind: ClassVar[str] = "task"
    package: ClassVar[str] = "gatefield.tasks"

    def prepare(self, session: Session) -> None:
        """Read the data and build the network: what can be refused is refused here, before there is a run folder.

        Raises:
            DataError: the data cannot be read.
            ArgumentError: data, model and training do not fit together.
            WeightsError: the weights to start from cannot be used.
        """
        raise NotImplementedError

    def fit(self, session: Session, folder: RunFolder) -> None:
        """Train what `prepare` made, from the folder's last checkpoint on if it has one, and save it there."""
        raise NotImplementedError

    def restore(self, session: Session, folder: RunFolder) -> None:
        """Take what `fit` saved in ``folder``.

        Raises:
            RunFolderError: the run is unfinished.
            WeightsError: the weights are damaged or belong to another architecture.
        """
        raise NotImplementedError

    def evaluate(self, session: Session, split: str | None = None) -> dict[str, Any]:
        """Metrics on a part of the data, as JSON holds them; at least ``split``, ``count`` and ``loss``."""
        raise NotImplementedError

    def describe(self, metrics: dict[str, Any]) -> str:
        """What `evaluate` returned, as a person reads it."""
        raise NotImplementedError

    def predict(self, session: Session, inputs: Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        """One answer for each raw input (a path, or the bytes of a file), in order: at least ``input``."""
        raise NotImplementedError

    def compose(self, session: Session, folder: RunFolder, page: Page) -> None:
        """Put this task's sections on the report."""
        raise NotImplementedError

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """A task that trains in a second on data generated below ``folder``, for the contract suite."""
        raise NotImplementedError(f"{cls.__name__} has no sample")


def require_trained(trained: Trained | None) -> Trained:
    """What a task has after it was fitted or loaded.

    Raises:
        InputError: it has not been yet.
    """
    if trained is None:
        raise InputError("this task is not trained yet", hint="call fit, or load a run folder")
    return trained
