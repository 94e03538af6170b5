"""Parts of a data set in folders of their own: train, validation, test."""

from __future__ import annotations

import pathlib

from ..core.errors import DataError

_PARTS = {
    "train": "train",
    "dev": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def subfolders(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folders in ``folder`` in order of their names; hidden ones and links are left out."""
    children = sorted(folder.iterdir())
    return [child for child in children if child.is_dir() and not child.is_symlink() and not child.name.startswith(".")]


def part_folders(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Part -> folder, where ``folder`` holds ``train`` and otherwise only parts; else all of it is the training part.

    Raises:
        DataError: there is no such folder, or two of its folders are the same part.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", hint="check the path")
    found = subfolders(folder)
    names = [child.name.lower() for child in found]
    if "train" not in names or not set(names) <= set(_PARTS):
        return {"train": folder}
    parts: dict[str, pathlib.Path] = {}
    for name, child in zip(names, found):
        if _PARTS[name] in parts:
            raise DataError(
                f"{parts[_PARTS[name]]} and {child} are both a {_PARTS[name]} part", hint="keep one of the two"
            )
        parts[_PARTS[name]] = child
    return parts
