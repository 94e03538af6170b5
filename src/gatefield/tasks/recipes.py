"""Between recipes and tasks: ``task: image-classification`` in YAML, an object in Python."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable

from ..core.errors import RecipeError
from ..core.recipe import Recipe
from ..core.run_folder import RunFolder
from .task import Task


def task_from(recipe: Recipe) -> Task:
    """The task that ``recipe`` describes.

    Raises:
        RecipeError: it names no task, an unknown thing or an impossible value; names the place.
    """
    values = dict(recipe.values)
    if "task" not in values:
        raise RecipeError(f"{recipe.place(())}: no task is named", hint="add 'task: image-classification'")
    places = recipe.places | {("name",): recipe.place(("task",))}
    return Recipe({"name": values.pop("task"), **values}, recipe.label, places).build(Task)


def recipe_from(task: Task, label: str = "recipe") -> Recipe:
    """The recipe with every default filled in that builds an equal ``task``."""
    config = task.config()
    return Recipe({"task": config.pop("name"), **config}, label)


def resolve(recipe: str | pathlib.Path | Recipe, settings: Iterable[str] = ()) -> Recipe:
    """``recipe`` with ``settings`` applied, checked, and every default filled in; resolving again changes nothing."""
    loaded = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    return recipe_from(task_from(loaded.override(settings)), loaded.label)


def read_recipe(folder: RunFolder) -> Recipe:
    """The resolved recipe of a run."""
    return Recipe.load(folder.recipe)
