"""The folder of a published data set, with advice that fits the set where it is nowhere."""

from __future__ import annotations

import pathlib

from ..core.errors import DataError
from .location import locate
from .reader import Reader


def published_folder(reader: Reader, path: str | None) -> pathlib.Path:
    """The folder of the data set that ``reader`` reads; ``path`` is the user's own choice.

    Raises:
        DataError: it is nowhere; says how to get it.
    """
    try:
        return locate(reader.name, reader.folder, path)
    except DataError as error:
        if path is not None or reader.downloads:
            raise
        hint = f"get it from {reader.homepage}, then set path to its folder, or GATEFIELD_DATA to the folder above it"
        raise DataError(error.message, hint=hint) from None


def require_file(reader: Reader, folder: pathlib.Path, *names: str) -> pathlib.Path:
    """The first of ``names`` that is a file in ``folder``; ``folder`` itself where it is a file.

    Raises:
        DataError: there is none.
    """
    if folder.is_file():
        return folder
    for name in names:
        if (folder / name).is_file():
            return folder / name
    fetch = f"gatefield data {reader.name} --fetch" if reader.downloads else f"get it from {reader.homepage}"
    raise DataError(f"there is no {names[0]} in {folder}", hint=f"check the folder, or {fetch}")
