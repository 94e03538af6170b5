"""Where data sets live on this machine."""

from __future__ import annotations

import os
import pathlib

from ..core.errors import DataError


def cache_folder() -> pathlib.Path:
    """Where fetched data sets go: ``GATEFIELD_CACHE``, or ``gatefield`` in ``XDG_CACHE_HOME`` or ``~/.cache``."""
    own = os.environ.get("GATEFIELD_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME")
    return pathlib.Path(own).expanduser() if own else pathlib.Path(shared or "~/.cache").expanduser() / "gatefield"


def locate(name: str, folder: str, path: str | None) -> pathlib.Path:
    """The folder of data set ``name``: ``path`` if given, else below ``GATEFIELD_DATA``, else in the cache.

    Args:
        name: what ``gatefield data`` calls it.
        folder: what its folder is called.
        path: the user's own choice.

    Raises:
        DataError: it is nowhere; says where was looked.
    """
    if path is not None:
        chosen = pathlib.Path(path).expanduser()
        if not chosen.exists():
            raise DataError(f"there is no {chosen}", hint=f"check the path of the data set '{name}'")
        return chosen
    collection = os.environ.get("GATEFIELD_DATA")
    places = [pathlib.Path(collection).expanduser() / folder] if collection else []
    places.append(cache_folder() / folder)
    for place in places:
        if place.is_dir():
            return place
    looked = " nor ".join(str(place) for place in places)
    raise DataError(
        f"the data set '{name}' is not in {looked}",
        hint=f"gatefield data {name} --fetch, or set path to its folder, or GATEFIELD_DATA to the folder above it",
    )
