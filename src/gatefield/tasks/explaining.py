"""Explain a trained run's answers: the place where explainers, a task's inputs and pictures meet."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..core.configurable import Spec
from ..core.console import Console
from ..core.discovery import family
from ..core.errors import ArgumentError, InputError, suggest
from ..core.files import write_bytes
from ..data.decode import decode
from ..data.image_files import find_images
from ..explain.explainer import Explainer
from ..explain.layers import evaluating
from ..explain.places import find_places
from ..render.drawing import figure_png
from ..render.overlay import Box, overlay
from ..render.page import Page
from ..render.pictures import encode_png, picture_grid
from ..render.token_strip import token_strip
from .image_classification import ImageClassification
from .run import Run
from .task import Task


@dataclass(frozen=True)
class ExplainableInput:
    """One input, as a person gave it and as the network takes it; it has a picture or tokens.

    Attributes:
        name: what a person calls it.
        inputs: a batch of one row.
        picture: uint8 (channels, height, width), at its own size.
        box: (top, left, height, width), the part of the picture that the network sees.
        tokens: one for each step of the input.
    """

    name: str
    inputs: Tensor | tuple[Any, ...]
    picture: Tensor | None = None
    box: Box | None = None
    tokens: list[str] | None = None


@dataclass(frozen=True)
class Explainable:
    """What a task offers to explainers. A task with a method ``explainable(files)`` that returns one takes part.

    Attributes:
        model: the trained network.
        classes: the names of its outputs.
        probabilities: outputs (rows, classes) to probabilities.
        inputs: one after another.
    """

    model: nn.Module
    classes: list[str]
    probabilities: Callable[[Tensor], Tensor]
    inputs: Iterator[ExplainableInput]


@dataclass(frozen=True)
class Map:
    """What one method says: numbers (height, width) or (steps,), and the layer that it read, if any."""

    method: str
    layer: str | None
    heat: Tensor


@dataclass(frozen=True)
class Explanation:
    """Why the network gives ``target`` its ``probability``; ``label`` is its own answer."""

    input: ExplainableInput
    label: str
    target: str
    probability: float
    maps: list[Map]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it: of each map the place, (row, column) of the picture or step, that counts most."""
        maps = [{"method": m.method, "layer": m.layer, "peak": self._peak(m.heat)} for m in self.maps]
        return {
            "input": self.input.name,
            "label": self.label,
            "target": self.target,
            "probability": self.probability,
            "maps": maps,
        }

    def _peak(self, heat: Tensor) -> list[int]:
        place = torch.unravel_index(heat.argmax(), heat.shape)
        if self.input.box is None:
            return [int(index) for index in place]
        top, left, height, width = self.input.box
        scales = (height / heat.shape[0], width / heat.shape[1])
        return [int(start + (index + 0.5) * scale) for start, index, scale in zip((top, left), place, scales)]


def explain(
    run: Run,
    files: Iterable[Any],
    methods: Sequence[str] = ("grad-cam",),
    target: str | None = None,
    layer: str | None = None,
    console: Console | None = None,
) -> Iterator[Explanation]:
    """Explain what a run's network answers to ``files``, one after another.

    Args:
        run: a trained run of a task that can be explained.
        files: paths, folders, or the bytes of files.
        methods: names of explainers. Of several, those that are not defined for this network are left out.
        target: the class to explain; by default the network's answer.
        layer: of the methods that map a layer; by default the last that has several places.
        console: hears which methods were left out.

    Raises:
        UnknownName: there is no such method.
        InputError: the task, the network or the class cannot be explained so.
        ArgumentError: there is no such layer.
    """
    explainers = [Spec.from_config(name, (), Explainer).build() for name in methods]
    if layer is not None and not any(explainer.per_place for explainer in explainers):
        raise InputError(
            f"'{methods[0]}' explains the input, not a layer", hint="leave the layer out, or choose grad-cam"
        )
    offered = explainable(run.task, files)
    if target is not None and target not in offered.classes:
        raise InputError(f"the network knows no class '{target}'", hint=suggest(target, offered.classes))
    left_out: set[str] = set()
    for given in offered.inputs:
        place, explanation = _asked(offered, given, target)
        for explainer in explainers:
            if explainer.name in left_out:
                continue
            try:
                explanation.maps.append(_map(explainer, offered.model, given, place, layer))
            except InputError as error:
                if len(explainers) == 1 or isinstance(error, ArgumentError):
                    raise
                left_out.add(explainer.name)
                if console is not None:
                    console.say(f"{explainer.name} is left out: {error.message}")
        yield explanation


def all_methods() -> list[str]:
    """The names of all explainers."""
    return family(Explainer).names


def explainable(task: Task, files: Iterable[Any]) -> Explainable:
    """What ``task`` offers to explainers for ``files``.

    Raises:
        InputError: its answers cannot be explained yet.
    """
    offers = getattr(task, "explainable", None)
    if offers is not None:
        return offers(files)
    if not isinstance(task, ImageClassification):
        kinds = "runs of image classification can"
        raise InputError(f"answers of the task '{task.name}' cannot be explained yet", hint=kinds)
    trained = task._trained()
    return Explainable(trained.model, trained.classes, trained.objective.probabilities, _pictures(task, files))


def page(run: Run, explanations: Iterable[Explanation]) -> Page:
    """One page with a section for each explanation."""
    made = Page("Why the network answers so", run.folder.path.name)
    made.text("Orange speaks for the class, blue against it; the colour is full where a map is largest.")
    unsigned = [name for name in all_methods() if not family(Explainer).find(name).cls.signed]
    made.text(f"Of {', '.join(unsigned)}, orange is the size of an effect: it may be for or against.")
    for number, explanation in enumerate(explanations, start=1):
        made.heading(f"{number}. {explanation.input.name}")
        made.text(_sentence(explanation))
        if explanation.input.picture is not None:
            figure = picture_grid(*_tiles(explanation), columns=5)
            names = ", ".join(each.method for each in explanation.maps)
            made.figure(figure, "The picture, and what counts in it.", f"the picture and maps by {names}")
        for each in explanation.maps if explanation.input.tokens is not None else ():
            made.figure(token_strip(explanation.input.tokens or [], each.heat, _title(each)), "", each.method)
    return made


def write(run: Run, explanations: Sequence[Explanation], path: pathlib.Path) -> None:
    """Write an HTML page; or, where ``path`` ends so, a PNG: a single map at its picture's own size, or a sheet.

    Raises:
        InputError: explanations of tokens do not fit a PNG.
        StorageError: the file cannot be written.
    """
    if path.suffix != ".png":
        page(run, explanations).write(path)
        return
    if any(explanation.input.picture is None for explanation in explanations):
        raise InputError("strips of tokens do not fit a PNG", hint="give --out an ending .html")
    if [len(explanation.maps) for explanation in explanations] == [1]:
        shown = _overlays(explanations[0])[0]
        write_bytes(path, encode_png(shown, longest=max(shown.shape)))
        return
    tiles = [_tiles(explanation) for explanation in explanations]
    images, captions = [image for part, _ in tiles for image in part], [text for _, part in tiles for text in part]
    sheet = picture_grid(images, captions, columns=len(tiles[0][0]))
    write_bytes(path, figure_png(sheet, dpi=160))


def place_for(out: str | None, by_default: str, endings: Sequence[str]) -> pathlib.Path:
    """Where to write: ``out``, or else ``by_default`` in the current folder, with a number behind it if taken.

    Raises:
        InputError: ``out`` is there already, its folder is not, or it ends otherwise than in one of ``endings``.
    """
    if out is None:
        path = pathlib.Path(by_default)
        numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
        return path if not path.exists() else next(free for free in numbered if not free.exists())
    path = pathlib.Path(out)
    if path.suffix not in endings:
        raise InputError(f"'{out}' does not end in {' or '.join(endings)}", hint=f"for example {by_default}")
    if path.exists():
        raise InputError(f"{path} is there already", hint="choose another --out; nothing is overwritten")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}", hint="make it first, or choose another --out")
    return path


def _asked(offered: Explainable, given: ExplainableInput, target: str | None) -> tuple[int, Explanation]:
    inputs = given.inputs if isinstance(given.inputs, tuple) else (given.inputs,)
    with evaluating(offered.model), torch.no_grad():
        outputs = offered.model(*inputs)
    probabilities = offered.probabilities(outputs[0] if isinstance(outputs, tuple) else outputs)[0]
    answer = int(probabilities.argmax())
    place = answer if target is None else offered.classes.index(target)
    names = offered.classes
    return place, Explanation(given, names[answer], names[place], float(probabilities[place]), [])


def _map(explainer: Explainer, model: nn.Module, given: ExplainableInput, target: int, layer: str | None) -> Map:
    if explainer.per_place and layer is None:
        with evaluating(model):
            layer = find_places(model, given.inputs).last().name
    layer = layer if explainer.per_place else None
    heat = explainer.attribute(model, given.inputs, target, layer)[0].float().cpu()
    if not explainer.per_place and given.tokens is None:  # (channels, height, width)
        heat = heat.sum(0) if explainer.signed else heat.abs().amax(0)
    return Map(explainer.name, layer, heat)


def _pictures(task: ImageClassification, files: Iterable[Any]) -> Iterator[ExplainableInput]:
    trained = task._trained()
    if len(trained.preparation.shape) != 3:
        raise InputError("this network takes plain vectors, not pictures", hint="explain its model from Python")
    channels, height, width = trained.preparation.shape
    for given in files:
        for picture in [given] if isinstance(given, bytes) else find_images(pathlib.Path(given)):
            name = "<bytes>" if isinstance(picture, bytes) else str(picture)
            raw = decode(picture, channels, (height, width), name)[None]
            original = decode(picture, 3, None, name)
            inputs = trained.preparation(raw, trained.device)
            yield ExplainableInput(name, inputs, original, _centred(original, height, width))


def _centred(picture: Tensor, height: int, width: int) -> Box:
    """The largest centred part of ``picture`` of the aspect of (height, width): what `decode` scales."""
    tall, wide = picture.shape[1:]
    scale = min(tall / height, wide / width)
    rows, columns = max(round(height * scale), 1), max(round(width * scale), 1)
    return (tall - rows) // 2, (wide - columns) // 2, rows, columns


def _overlays(explanation: Explanation) -> list[Any]:
    given = explanation.input
    return [overlay(given.picture, each.heat, given.box) for each in explanation.maps]


def _tiles(explanation: Explanation) -> tuple[list[Any], list[str]]:
    captions = [f"{explanation.label}", *map(_title, explanation.maps)]
    return [explanation.input.picture, *_overlays(explanation)], captions


def _title(each: Map) -> str:
    nothing = "" if bool(each.heat.any()) else "\nnothing speaks for it"
    return each.method + ("" if each.layer is None else f"\n{each.layer}") + nothing


def _sentence(explanation: Explanation) -> str:
    asked = f"Explained is {explanation.target}, to which the network gives {explanation.probability:.1%}."
    return asked if explanation.label == explanation.target else f"{asked} Its answer is {explanation.label}."
