"""A finished run: load it, measure it, ask it, look at it."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from ..core import devices
from ..core.console import Console, silent
from ..core.errors import RecipeError
from ..core.recipe import Recipe
from ..core.run_folder import RunFolder
from ..render.page import Page
from ..training.distributed import Processes
from .recipes import read_recipe, task_from
from .task import Session, Task


class Run:
    """A trained network with everything around it.

    Attributes:
        folder: where it lives.
        task: the task, restored; ``task.model`` is the network.
        session: the seed it was trained with, the device it runs on.
    """

    def __init__(self, folder: RunFolder, task: Task, session: Session) -> None:
        self.folder, self.task, self.session = folder, task, session

    def __repr__(self) -> str:
        return f"Run({str(self.folder.path)!r})"

    def evaluate(self, split: str | None = None) -> dict[str, Any]:
        """Metrics on ``split``: ``test``, ``validation`` or ``train``; by default test, else validation."""
        return self.task.evaluate(self.session, split)

    def predict(self, inputs: str | pathlib.Path | Iterable[Any], top: int = 1) -> Iterator[dict[str, Any]]:
        """One answer a raw input, lazily: a file, a folder, the bytes of a file, or several of them.

        Args:
            inputs: paths or bytes.
            top: how many classes to name, likeliest first.

        Yields:
            ``{"input", "label", "probability", "top"}``

        Raises:
            DataError: an input does not exist or cannot be decoded; names it.
        """
        several = [inputs] if isinstance(inputs, (str, bytes, pathlib.Path)) else inputs
        return self.task.predict(self.session, several, top)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The records of metrics.jsonl, one an epoch."""
        return self.folder.read_metrics()

    def report(self) -> pathlib.Path:
        """Write report.html, one self-contained page, and return its path."""
        page = Page(title=f"{self.folder.path.name}", subtitle=type(self.task).name.replace("-", " "))
        self.task.compose(self.session, self.folder, page)
        page.write(self.folder.report)
        return self.folder.report


def load(path: str | pathlib.Path, *settings: str, device: str = "auto", console: Console | None = None) -> Run:
    """The run in the folder ``path``, ready to use. The training data need not be there.

    Args:
        path: a run folder.
        settings: overrides such as ``data.path=elsewhere``, for data that moved or to measure on other data.
        device: ``auto``, ``cpu``, ``cuda`` ...

    Raises:
        RunFolderError: not a run folder, or an unfinished one.
        WeightsError: damaged weights, or those of another architecture.
    """
    folder = RunFolder.open(path)
    for setting in settings:
        if not setting.startswith("data"):
            hint = "only data settings can change here: data.path=...; train anew for another model"
            raise RecipeError(f"'{setting}' cannot change a trained run", hint=hint)
    recipe: Recipe = read_recipe(folder).override(settings)
    seed = folder.read_json(folder.environment)["seed"]
    session = Session(seed, Processes(device=devices.resolve(device)), console or silent())
    task = task_from(recipe)
    task.restore(session, folder)
    return Run(folder, task, session)
