"""The layers of a named model or of a run, with shapes, costs and receptive fields."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

import torch

from ..core.configurable import plain
from ..core.discovery import family
from ..core.errors import InputError
from ..core.recipe import Recipe
from ..core.run_folder import RunFolder
from ..models.model import Model
from ..models.summary import Summary, summarize


def show(
    name: str, settings: Iterable[str] = (), *, input_shape: tuple[int, ...] | None = None, classes: int | None = None
) -> Summary:
    """Summarize the model called ``name``, or that of the run folder ``name``.

    Args:
        settings: ``key=value`` arguments of the model.
        input_shape: (channels, height, width); by default the paper's, or the run's.
        classes: number of classes, likewise.

    Raises:
        UnknownName: neither a model nor a run folder.
        RecipeError: a setting the model does not take.
    """
    if pathlib.Path(name).is_dir():
        folder = RunFolder.open(name)
        if list(settings) or input_shape or classes:
            raise InputError(f"the network of the run {name} cannot be changed", hint="name a model instead of a run")
        return _summary({"task": None, **folder.read_json(folder.config)}["model"], name)
    entry = family(Model).find(name)
    given: dict[str, Any] = entry.cls.standard(entry.arguments)
    for key, value in (("input_shape", input_shape), ("classes", classes)):
        if value is not None and key not in entry.cls.signature():
            raise InputError(
                f"model '{name}' has no '{key}'", hint=f"set what it has: {', '.join(entry.cls.signature())}"
            )
        given |= {key: value} if value is not None else {}
    recipe = Recipe({"name": name, **plain(given)}, label=f"model {name}").override(settings)
    return _summary(recipe, name)


def _summary(config: Any, name: str) -> Summary:
    """Count on the meta device: no memory is taken, however large the network."""
    with torch.device("meta"):
        model = config.build(Model) if isinstance(config, Recipe) else Model.from_config(config)
    if "input_shape" not in model.arguments:
        raise InputError(
            f"model '{name}' reads sequences of any length", hint="only models of pictures can be shown yet"
        )
    return summarize(model, model.arguments["input_shape"], name)
