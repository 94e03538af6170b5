"""Which data sets can be read, where they are, what they hold."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

import torch

from ..core.console import Console
from ..core.discovery import family
from ..core.errors import DataError, InputError
from ..core.files import write_bytes
from ..core.recipe import Recipe
from ..data import fetch as fetching
from ..data.location import cache_folder, locate
from ..data.reader import Reader, Splits

EXAMPLES_A_CLASS = 8


def overview() -> dict[str, dict[str, Any]]:
    """For each reader: where its data are found here, and their licence."""
    return {
        cls.name: {"where": _where(cls), "licence": cls.licence, "homepage": cls.homepage}
        for cls in family(Reader).classes
    }


def fetch(name: str, console: Console) -> None:
    """Download the data set ``name`` into the cache.

    Raises:
        UnknownName: there is no such reader.
        DataError: it cannot be downloaded, or a checksum differs.
    """
    cls = family(Reader).find(name).cls
    if not cls.downloads:
        raise DataError(f"'{name}' has nothing to fetch", hint="it reads files of your own, or comes with the package")
    console.say(f"{name}: licence {cls.licence}; from {cls.homepage}")
    for download in cls.downloads:
        fetching.fetch(download, cache_folder() / cls.folder, console)


def describe(name: str, settings: Iterable[str] = (), picture: str | None = None) -> dict[str, Any]:
    """What the data set holds, as JSON holds it; with ``picture`` also a sheet of examples, as a PNG.

    Raises:
        InputError: a sheet of what are not labelled images.
        DataError: the data cannot be read.
    """
    reader = Recipe({"name": name}, label=f"reader {name}").override(settings).build(Reader)
    data = reader.read()
    if picture:
        if not isinstance(data, Splits):
            hint = "leave --picture out: only sets of labelled images have a sheet of examples"
            raise InputError(f"'{name}' is not a set of labelled images", hint=hint)
        _draw(data, pathlib.Path(picture))
    return {"reader": reader.config(), "licence": reader.licence} | data.facts()


def _where(cls: type[Reader]) -> str:
    if not cls.folder:
        return "bundled" if cls.licence else "data.path"
    try:
        locate(cls.name, cls.folder, None)
    except DataError:
        return "not fetched"
    return "found"


def _draw(splits: Splits, path: pathlib.Path) -> None:
    """The first examples of each class, a row a class."""
    if path.suffix.lower() != ".png":
        raise InputError(f"--picture {path} is not a PNG file name", hint="end it with .png")
    from ..render.drawing import figure_png
    from ..render.pictures import picture_grid

    labels = splits.train.labels
    rows = [(labels == label).nonzero().flatten()[:EXAMPLES_A_CLASS] for label in range(len(splits.classes))]
    chosen = torch.cat(rows)
    captions = [splits.classes[int(labels[index])] for index in chosen]
    figure = picture_grid(splits.train.batch(chosen), captions, columns=EXAMPLES_A_CLASS)
    write_bytes(path, figure_png(figure))
