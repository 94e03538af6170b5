"""Find image files in folders."""

from __future__ import annotations

import os
import pathlib

from ..core.errors import DataError
from .decode import EXTENSIONS


def files_below(folder: pathlib.Path) -> list[pathlib.Path]:
    """Every file below ``folder``, and every link, in order of their paths; hidden ones are left out."""
    found = []
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        found += [pathlib.Path(parent, name) for name in [*files, *links] if not name.startswith(".")]
        folders[:] = [name for name in folders if not name.startswith(".")]
    return sorted(found)


def find_images(path: pathlib.Path) -> list[pathlib.Path]:
    """The image files below the folder ``path``, links left out; or ``path`` itself where it is no folder.

    Raises:
        DataError: the folder holds no image.
    """
    if not path.is_dir():
        return [path]
    found = [file for file in files_below(path) if file.suffix.lower() in EXTENSIONS and not file.is_symlink()]
    if not found:
        raise DataError(f"{path} holds no image", hint=f"known are: {', '.join(sorted(EXTENSIONS))}")
    return found
