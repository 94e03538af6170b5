"""Take a trained classifier apart: the page about its inside."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ..core.console import Console
from ..core.errors import InputError, StorageError, suggest
from ..render.page import Page
from .dissection_sections import SECTIONS
from .image_classification import ImageClassification
from .run import Run
from .specimen import Specimen

FEWEST = 10  # pictures


class Dissection(NamedTuple):
    """``page`` is the file that was written; ``findings`` what it says in numbers: section -> as JSON holds them."""

    page: pathlib.Path
    findings: dict[str, Any]


def dissect(
    run: Run,
    what: Sequence[str] = (),
    layer: str | None = None,
    count: int = 500,
    out: str | pathlib.Path | None = None,
    console: Console | None = None,
) -> Dissection:
    """Write a page about the inside of a trained classifier.

    Args:
        run: a run of image classification.
        what: sections, of `SECTIONS`; by default all that this network allows.
        layer: the layer to look at, by its name in the network; by default each section chooses one.
        count: pictures to look with, from the part of the data that is measured on.
        out: the page to write, a new file; by default dissect.html in the run folder, anew each time.
        console: shows progress.

    Raises:
        InputError: another kind of task, an unknown section, one that this network does not allow, or too few pictures.
        StorageError: ``out`` exists.
    """
    if not isinstance(run.task, ImageClassification) or run.task.trained is None:
        kind = type(run.task).name
        raise InputError(f"a run of {kind} cannot be dissected", hint="give a run of image-classification")
    for name in what:
        if name not in SECTIONS:
            raise InputError(f"there is nothing called '{name}' to dissect", hint=suggest(name, SECTIONS))
    path = run.folder.path / "dissect.html" if out is None else pathlib.Path(out)
    if out is not None and path.exists():
        raise StorageError(f"{path} exists", hint="choose another name, or remove it first")
    console = console or run.session.console
    name, images = run.task.part(None)
    if min(count, len(images)) < FEWEST:
        message = f"{min(count, len(images))} pictures are too few to dissect with"
        raise InputError(message, hint=f"take at least {FEWEST}")
    chosen = torch.linspace(0, len(images) - 1, min(count, len(images))).round().long()
    specimen = Specimen(run.task.trained, images.subset(chosen), layer, run.session.seed, console)
    page = Page(f"{run.folder.path.name}, dissected", f"{len(chosen)} pictures of the {name} part")
    return Dissection(path, _compose(page, specimen, what, path))


def _compose(page: Page, specimen: Specimen, what: Sequence[str], path: pathlib.Path) -> dict[str, Any]:
    findings: dict[str, Any] = {}
    for name in what or SECTIONS:
        specimen.console.say(f"{name} ...")
        try:
            findings[name] = SECTIONS[name](page, specimen)
        except InputError as error:
            if what:
                raise
            specimen.console.say(f"{name} is left out: {error.message}")
    page.write(path)
    return findings
