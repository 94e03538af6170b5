"""The layers of a named model or of a run, with shapes, costs and receptive fields."""

from __future__ import annotations

import pathlib
from collections.abc import Container, Iterable
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
        input_shape: (channels, height, width), or (time, features) of a model that reads numbers in time; by default
            the paper's, or the run's.
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
    if _reads_time(entry.cls.signature()) and input_shape is not None:
        if len(input_shape) != 2:
            raise InputError(f"model '{name}' reads numbers in time", hint="write time and features: --input 784x1")
        given |= {"features": input_shape[1]}
        size = {"classes": classes}
    else:
        size = {"input_shape": input_shape, "classes": classes}
    for key, value in size.items():
        if value is not None and key not in entry.cls.signature():
            raise InputError(
                f"model '{name}' has no '{key}'", hint=f"set what it has: {', '.join(entry.cls.signature())}"
            )
        given |= {key: value} if value is not None else {}
    recipe = Recipe({"name": name, **plain(given)}, label=f"model {name}").override(settings)
    return _summary(recipe, name, input_shape[0] if _reads_time(entry.cls.signature()) and input_shape else None)


def _reads_time(arguments: Container[str]) -> bool:
    return "features" in arguments and "input_shape" not in arguments


def _summary(config: Any, name: str, steps: int | None = None) -> Summary:
    """Count on the meta device: no memory is taken, however large the network; one that reads in time really runs."""
    with torch.device("meta"):
        model = _built(config)
    if "input_shape" in model.arguments:
        return summarize(model, model.arguments["input_shape"], name)
    if not _reads_time(model.arguments):
        message = f"model '{name}' does not read numbers alone"
        raise InputError(message, hint="models of pictures and of numbers in time can be shown")
    model = _built(config)
    seen: int = getattr(model, "receptive_field", STEPS)
    summary = summarize(model, (steps or seen, model.arguments["features"]), name, sequence=True)
    if sum(row.parameters for row in summary.layers) != summary.parameters:
        message = f"model '{name}' has recurrent layers, whose operations are not counted yet"
        raise InputError(message, hint="models of pictures and convolutions over time can be shown")
    return summary


def _built(config: Any) -> Model:
    return config.build(Model) if isinstance(config, Recipe) else Model.from_config(config)


STEPS = 100
"""Steps of a sequence whose length neither the user nor the model names."""
