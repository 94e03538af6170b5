"""Train what a recipe describes, in a run folder of its own; or go on with a run that was interrupted."""

from __future__ import annotations

import itertools
import pathlib

from ..core import devices
from ..core.console import Console, silent
from ..core.errors import ArgumentError, RunFolderError
from ..core.recipe import Recipe
from ..core.run_folder import RunFolder
from ..training.distributed import Processes, processes
from . import environment
from .recipes import read_recipe, recipe_from, resolve, task_from
from .run import Run
from .task import Session, Task


def train(
    recipe: str | pathlib.Path | Recipe | Task = "digits",
    *settings: str,
    out: str | pathlib.Path | None = None,
    seed: int | None = None,
    device: str = "auto",
    again: bool = False,
    report: bool = True,
    console: Console | None = None,
) -> Run:
    """Train, and return the finished run.

    Args:
        recipe: name of a shipped recipe, a YAML file, or a `Task` built in Python.
        settings: overrides of a recipe, ``"training.epochs=5"``.
        out: the run folder to make; by default the next free ``runs/<recipe>-<number>``.
        seed: of every random choice; 0 by default.
        device: ``auto``, ``cpu``, ``cuda`` ...
        again: where ``out`` holds a run of this recipe already, go on with it.
        report: whether to draw report.html at the end; `Run.report` draws it at any time.
        console: where talk and progress go; silent by default.

    Raises:
        RecipeError: the recipe names something unknown or impossible.
        ArgumentError: settings for a task that is built already.
        DataError: the data cannot be read.
        RunFolderError: ``out`` exists already.
        DivergenceError: the loss is not finite any more.
        StorageError: the disk is full or read-only; the last checkpoint is kept.
    """
    if isinstance(recipe, Task) and settings:
        message = f"'{settings[0]}' would change a recipe, and a task that is built was given"
        raise ArgumentError(message, hint="build the task with this value", path=("settings",))
    resolved = recipe_from(recipe) if isinstance(recipe, Task) else resolve(recipe, settings)
    if again and out is not None and pathlib.Path(out).exists():
        return resume(out, resolved, seed=seed, device=device, report=report, console=console)
    console = console or silent()
    with processes(devices.resolve(device)) as group:
        session = Session(seed or 0, group, console if group.leads else silent())
        task = recipe if isinstance(recipe, Task) else task_from(resolved)
        task.prepare(session)
        files = {
            "recipe.yaml": resolved.dump(),
            "environment.json": RunFolder.to_json(environment.record(session, group.count)),
        }
        made = str(_create(out, resolved.label, files).path) if group.leads else ""
        folder = RunFolder(group.share_text(made))
        return _finish(task, session, folder, group, report)


def resume(
    path: str | pathlib.Path,
    recipe: str | pathlib.Path | Recipe | None = None,
    settings: tuple[str, ...] = (),
    *,
    seed: int | None = None,
    device: str = "auto",
    report: bool = True,
    console: Console | None = None,
) -> Run:
    """Go on with the run in ``path`` from its last checkpoint, to the same bits as if it had never stopped.

    Args:
        path: the run folder.
        recipe, settings, seed: need not be given; if they are, they must be those of the run.
        report: as of `train`.

    Raises:
        RunFolderError: not a run folder, or one of another recipe or seed.
        DataError: the data are gone or have changed.
    """
    folder, console = RunFolder.open(path), console or silent()
    own = read_recipe(folder)
    if recipe is not None or settings:
        given = recipe if isinstance(recipe, Recipe) else resolve(recipe or own, settings)
        if given.values != own.values:
            hint = "resume without a recipe, or train in a new folder"
            raise RunFolderError(f"{folder.path} was started from another recipe", hint=hint)
    then = folder.read_json(folder.environment)
    if seed is not None and seed != then["seed"]:
        raise RunFolderError(f"{folder.path} was started with seed {then['seed']}", hint="resume without --seed")
    with processes(devices.resolve(device)) as group:
        session = Session(then["seed"], group, console if group.leads else silent())
        for difference in environment.differences(then, environment.record(session, group.count)):
            session.console.warn(f"{difference}: the last bits may differ from an unbroken run's")
        task = task_from(own)
        task.prepare(session)
        return _finish(task, session, folder, group, report)


def _finish(task: Task, session: Session, folder: RunFolder, group: Processes, report: bool) -> Run:
    """Fit, then measure, and write the page where it is wanted; the processes beside the main one only help to fit."""
    run = Run(folder, task, session)
    task.fit(session, folder)
    if group.leads:
        metrics = run.evaluate()
        session.console.say(task.describe(metrics).split("\n")[0])
        if report:
            run.report()
    return run


def _create(out: str | pathlib.Path | None, label: str, files: dict[str, str]) -> RunFolder:
    if out is not None:
        return RunFolder.create(out, files)
    for number in itertools.count(1):
        path = pathlib.Path("runs") / f"{label}-{number}"
        if not path.exists():
            return RunFolder.create(path, files)
    raise AssertionError("unreachable: counting does not end")
