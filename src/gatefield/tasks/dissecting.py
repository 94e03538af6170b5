"""Take a trained network apart: the page about its inside."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.console import Console
from ..core.errors import InputError, suggest
from ..functional.spread import spread_over
from ..render.page import Page
from ..training.weights import parse_tensors, read_content
from . import picture_sections, sequence_sections
from .explaining import place_for
from .image_classification import ImageClassification
from .network_sections import Findings, Weights, landscape_section
from .recording import TRAJECTORY
from .run import Run
from .sequence_specimen import can_be_dissected, specimen_of
from .specimen import PictureSpecimen, Specimen

FEWEST = 10  # pictures
PICTURES, SEQUENCES = 500, 48  # looked at by default


class Dissection(NamedTuple):
    """``page`` is the file that was written; ``findings`` what it says in numbers: section -> as JSON holds them."""

    page: pathlib.Path
    findings: dict[str, Any]


Sections = Mapping[str, Callable[[Page, Any], Findings]]


def dissect(
    run: Run,
    what: Sequence[str] = (),
    layer: str | None = None,
    count: int | None = None,
    out: str | pathlib.Path | None = None,
    console: Console | None = None,
    inputs: Sequence[Any] = (),
) -> Dissection:
    """Write a page about the inside of a trained network.

    Args:
        run: a run of image classification, or of a task on sequences.
        what: sections, by name; by default all that this network allows.
        layer: the layer to look at, by its name in the network; by default each section chooses one.
        count: pictures or sequences to look with, from the part of the data that is measured on; 500 or 48 by default.
        out: the page to write, a new .html file; by default dissect.html in the run folder, anew each time.
        console: shows progress.
        inputs: texts, recordings or tables to look with instead of the run's own data.

    Raises:
        InputError: another kind of task, an unknown section, one that this network does not allow, too little to look
            with, or a file that cannot be ``out``.
        ArgumentError: there is no such layer.
        StorageError: the page cannot be written.
    """
    pictures = isinstance(run.task, ImageClassification)
    if not pictures and not can_be_dissected(run.task):
        hint = "give a run of image-classification, or of texts, sounds or series"
        raise InputError(f"a run of {type(run.task).name} cannot be dissected", hint=hint)
    known: Sections = picture_sections.SECTIONS if pictures else sequence_sections.SECTIONS
    sections: Sections = {**known, "landscape": functools.partial(_landscape, run)}
    for name in what:
        if name not in sections:
            raise InputError(f"there is nothing called '{name}' to dissect", hint=suggest(name, sections))
    by_default = "dissect.html"
    path = run.folder.path / by_default if out is None else place_for(str(out), by_default, (".html",))
    console = console or run.session.console
    if isinstance(run.task, ImageClassification):
        if inputs:
            raise InputError("pictures are dissected with the run's own data", hint="leave the inputs out")
        subject, specimen = _pictures(run, run.task, layer, count or PICTURES, console)
    else:
        session = dataclasses.replace(run.session, console=console)
        subject, specimen = specimen_of(run.task, session, layer, count or SEQUENCES, inputs)
    page = Page(f"{run.folder.path.name}, dissected", subject)
    return Dissection(path, _compose(page, specimen, sections, what, path))


def _landscape(run: Run, page: Page, specimen: Specimen) -> Findings:
    """The loss around the weights, and the way of training where the run recorded it."""
    own = dict(specimen.model.named_parameters())
    files = sorted((run.folder.path / TRAJECTORY).glob("epoch-*.safetensors"))
    way = [_named_as(own, parse_tensors(read_content(file), str(file))[0]) for file in files]
    return landscape_section(page, specimen, way)


def _named_as(own: Mapping[str, Any], given: Weights) -> Weights:
    """``given`` by the names of ``own``: what wraps a network for training, or for a look at it, calls it so."""
    longer = {f"network.{name}": values for name, values in given.items()}
    shorter = {name.removeprefix("network."): values for name, values in given.items()}
    return next((named for named in (given, longer, shorter) if own.keys() <= named.keys()), given)


def _pictures(
    run: Run, task: ImageClassification, layer: str | None, count: int, console: Console
) -> tuple[str, PictureSpecimen]:
    name, images = task.part(None)
    if min(count, len(images)) < FEWEST:
        message = f"{min(count, len(images))} pictures are too few to dissect with"
        raise InputError(message, hint=f"take at least {FEWEST}")
    chosen = spread_over(len(images), count)
    specimen = PictureSpecimen(task.trained, images.subset(chosen), layer, run.session.seed, console)
    return f"{len(chosen)} pictures of the {name} part", specimen


def _compose(
    page: Page, specimen: Specimen, sections: Sections, what: Sequence[str], path: pathlib.Path
) -> dict[str, Any]:
    findings: dict[str, Any] = {}
    for name in what or sections:
        specimen.console.say(f"{name} ...")
        try:
            findings[name] = sections[name](page, specimen)
        except InputError as error:
            if what:
                raise
            specimen.console.say(f"{name} is left out: {error.message}")
    page.write(path)
    return findings
