"""Explain a trained run's answers: the place where explainers and what tasks offer them meet."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from ..core.configurable import Spec
from ..core.console import Console
from ..core.discovery import family
from ..core.errors import ArgumentError, InputError
from ..core.files import write_bytes
from ..explain.explainer import Explainer, PointExplainer
from ..functional.layer_outputs import evaluating
from ..render.drawing import figure_png
from ..render.page import Page
from ..render.pictures import encode_png, picture_grid
from .exhibits import Picture
from .explainable import Answer, Drawing, Explainable, ExplainableInput, Explanation, Map
from .run import Run
from .task import Task


def explain(
    run: Run,
    files: Iterable[Any] = (),
    methods: Sequence[str | Mapping[str, Any]] = (),
    target: str | None = None,
    layer: str | None = None,
    console: Console | None = None,
    position: int | None = None,
) -> Iterator[Explanation]:
    """Explain what a run's network answers to ``files``, one after another.

    Args:
        run: a trained run of a task that can be explained.
        files: as `predict` takes them: paths, folders, texts, or the bytes of files. A forecaster explains the forecast
            that follows its own series where there are none.
        methods: explainers, by name or as recipes write them; by default the one that suits the task. Of several, those
            that are not defined for this network are left out.
        target: what to explain: a class, a tag, a series; by default the network's answer.
        layer: of the methods that map a layer; by default the last that has several places.
        console: hears which methods were left out.
        position: where an input has several answers, the one to explain, from 1: of a word, a step ahead; by default
            all.

    Yields:
        An explanation for each input, or for each of its positions.

    Raises:
        UnknownName: there is no such method.
        InputError: the task, the network, the target or the position cannot be explained so.
        ArgumentError: there is no such layer.
    """
    offered = explainable(run.task, files)
    explainers = [_built(method, offered) for method in methods or [offered.method]]
    if layer is not None and not any(explainer.per_place for explainer in explainers):
        raise InputError(
            f"'{explainers[0].name}' explains the input, not a layer", hint="leave the layer out, or choose grad-cam"
        )
    if target is not None:
        offered.number(target)
    left_out: set[str] = set()
    nothing = True
    for given in offered.inputs:
        nothing = False
        for answer in _asked(offered, given, target, position):
            explanation = Explanation(given, answer)
            for explainer in explainers:
                if explainer.name in left_out:
                    continue
                try:
                    explanation.maps.append(_map(explainer, offered, given, answer, layer))
                except InputError as error:
                    if len(explainers) == 1 or isinstance(error, ArgumentError):
                        raise
                    left_out.add(explainer.name)
                    if console is not None:
                        console.say(f"{explainer.name} is left out: {error.message}")
            yield explanation
    if nothing:
        raise InputError("there is nothing to explain", hint="give a file, a folder or a text behind the run")


def all_methods() -> list[str]:
    """The names of all explainers."""
    return family(Explainer).names


def explainable(task: Task, files: Iterable[Any]) -> Explainable:
    """What ``task`` offers to explainers for ``files``.

    Raises:
        InputError: its answers cannot be explained.
    """
    offers = getattr(task, "explainable", None)
    if offers is None:
        able = [each.name for each in family(Task).classes if hasattr(each, "explainable")]
        message = f"answers of the task '{task.name}' cannot be explained"
        raise InputError(message, hint=f"runs of these can: {', '.join(able)}")
    return offers(files)


def page(run: Run, explanations: Iterable[Explanation]) -> Page:
    """One page with a section for each input."""
    made = Page("Why the network answers so", run.folder.path.name)
    made.text("Orange speaks for the answer, blue against it; the colour is full where a map is largest.")
    several = list(explanations)
    met = {each.method for explanation in several for each in explanation.maps}
    unsigned = [name for name in all_methods() if name in met and not family(Explainer).find(name).cls.signed]
    if unsigned:
        made.text(f"Of {', '.join(unsigned)}, orange is the size of an effect: it may be for or against.")
    for remark in filter(None, dict.fromkeys(explanation.input.remark for explanation in several)):
        made.text(remark)
    for number, own in enumerate(_by_input(several), start=1):
        made.heading(f"{number}. {own[0].input.name}")
        if own[0].input.whole:
            made.text(own[0].input.whole)
        if len(own) == 1:
            made.text(own[0].answer.sentence)
        for drawing in [*own[0].input.exhibit.drawings(own), *own[0].input.exhibit.beside()]:
            made.figure(*drawing)
        if len(own) > 1:
            made.text("All positions are explained; --position N draws one of them by itself.")
    return made


def write(run: Run, explanations: Sequence[Explanation], path: pathlib.Path) -> None:
    """Write an HTML page; or, where ``path`` ends so, a PNG: a map over its picture at its own size, a sheet, a figure.

    Raises:
        InputError: there is more than a PNG can hold.
        StorageError: the file cannot be written.
    """
    if path.suffix != ".png":
        page(run, explanations).write(path)
        return
    inputs = _by_input(explanations)
    shown = [(exhibit, each) for each in explanations if isinstance(exhibit := each.input.exhibit, Picture)]
    if not len(shown) == len(inputs) == len(explanations):
        drawings = [each for own in inputs for each in own[0].input.exhibit.drawings(own)]
        write_bytes(path, figure_png(_only(drawings).figure, dpi=160))
        return
    if [len(explanation.maps) for explanation in explanations] == [1]:
        (picture, explanation), *_ = shown
        (single,) = picture.overlays(explanation.maps)
        write_bytes(path, encode_png(single, longest=max(single.shape)))
        return
    tiles = [picture.tiles(explanation) for picture, explanation in shown]
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
        hint = f"give a file name such as {by_default}"
        raise InputError(f"'{out}' does not end in {' or '.join(endings)}", hint=hint)
    if path.exists():
        hint = "choose another file name, or remove this file first; nothing is overwritten"
        raise InputError(f"{path} is there already", hint=hint)
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}", hint="make it first, or choose another")
    return path


def _built(method: str | Mapping[str, Any], offered: Explainable) -> Explainer:
    """The explainer, its arguments those that suit the inputs where ``method`` does not say otherwise."""
    asked = {"name": method} if isinstance(method, str) else dict(method)
    return Spec.from_config({**offered.options.get(asked.get("name", ""), {}), **asked}, (), Explainer).build()


def _asked(offered: Explainable, given: ExplainableInput, target: str | None, position: int | None) -> Iterator[Answer]:
    inputs = given.inputs if isinstance(given.inputs, tuple) else (given.inputs,)
    with evaluating(offered.model), torch.no_grad():
        outputs = offered.model(*inputs)
    return offered.answers(given, outputs, target, position)


def _map(explainer: Explainer, offered: Explainable, given: ExplainableInput, answer: Answer, named: str | None) -> Map:
    layer = offered.layer(given, named) if explainer.per_place else None
    start = offered.embedding if isinstance(explainer, PointExplainer) else layer
    heat = explainer.attribute(offered.model, given.inputs, answer.place, start)[0].float().cpu()
    return Map(explainer.name, layer, given.exhibit.places(heat, explainer, answer))


def _by_input(explanations: Sequence[Explanation]) -> list[list[Explanation]]:
    """The explanations of each input, which stand one after another."""
    return [list(own) for _, own in itertools.groupby(explanations, key=lambda explanation: id(explanation.input))]


def _only(drawings: Sequence[Drawing]) -> Drawing:
    if len(drawings) != 1:
        hint = "give --out an ending .html, or explain one input by one method"
        raise InputError(f"a PNG holds one figure, and there are {len(drawings)}", hint=hint)
    return drawings[0]
