"""Pictures with captions, in the layout of COCO."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Self

import numpy
from PIL import Image

from ...core.errors import DataError
from ..corpus import CaptionedImage, Parts
from ..published import published_folder
from ..reader import CaptionReader
from ..text_files import is_within

_PARTS = {"train": "train2017", "validation": "val2017"}


class CocoCaptions(CaptionReader):
    """Photographs with about five captions each: COCO 2017, or your own in its layout.

    ``annotations/captions_train2017.json`` lists pictures and captions, ``train2017/`` holds the pictures; likewise
    ``val2017``, where it is there.

    Args:
        path: the folder that holds ``annotations``.
        skip_missing: whether pictures that are listed but not there are left out and told in the notes; otherwise they
            are an error.

    Reference: Chen et al. (2015), Microsoft COCO captions.
    """

    name = "coco-captions"
    folder = "coco-captions-subset"
    licence = "captions CC BY 4.0; each picture as its licence in the JSON says"
    homepage = "https://cocodataset.org"

    def __init__(self, path: str | None = None, skip_missing: bool = False) -> None:
        self.path, self.skip_missing = path, skip_missing

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Three training and two validation pictures of noise with two captions each."""
        random = numpy.random.default_rng(0)
        (folder / "annotations").mkdir(exist_ok=True)
        for name, count in (("train2017", 3), ("val2017", 2)):
            (folder / name).mkdir(exist_ok=True)
            images, annotations = [], []
            for number in range(count):
                file = f"{number:012}.png"
                Image.fromarray(random.integers(0, 256, (12, 16, 3), numpy.uint8)).save(folder / name / file)
                images.append({"id": number, "file_name": file})
                for text in ("Noise of many colors.", f"Picture number {number}."):
                    annotations.append({"id": len(annotations), "image_id": number, "caption": text})
            content = json.dumps({"images": images, "annotations": annotations})
            (folder / "annotations" / f"captions_{name}.json").write_text(content, encoding="utf-8")
        return cls(path=str(folder))

    def read(self) -> Parts[CaptionedImage]:
        """Training and validation part."""
        folder = published_folder(self, self.path)
        notes: list[str] = []
        parts = {}
        for part, name in _PARTS.items():
            listing = folder / "annotations" / f"captions_{name}.json"
            if part == "train" or listing.is_file():
                parts[part] = self._captioned(listing, folder / name, notes)
        return Parts(parts["train"], parts.get("validation"), notes=tuple(notes))

    def _captioned(self, listing: pathlib.Path, pictures: pathlib.Path, notes: list[str]) -> list[CaptionedImage]:
        captions: dict[Any, list[str]] = {}
        content = _load(listing)
        for entry in _entries(listing, content, "annotations", {"image_id": int, "caption": str}):
            captions.setdefault(entry["image_id"], []).append(" ".join(entry["caption"].split()))
        found, missing, silent = [], [], 0
        for entry in _entries(listing, content, "images", {"id": int, "file_name": str}):
            file = pictures / entry["file_name"]
            if not is_within(file, pictures):
                raise DataError(f"{listing}: {file} lies outside {pictures}", hint="do not use this file")
            if not file.is_file():
                missing.append(file)
            elif entry["id"] in captions:
                found.append(CaptionedImage(file, captions[entry["id"]], f"{listing}: image {entry['id']}"))
            else:
                silent += 1
        if missing and not self.skip_missing:
            hint = "get the pictures, or leave out those that are missing: skip_missing=true"
            raise DataError(f"{listing} lists {missing[0]}, which is not there", hint=hint)
        if missing:
            notes.append(f"{listing}: left out {len(missing)} pictures that are not there, the first {missing[0]}")
        if silent:
            notes.append(f"{listing}: left out {silent} pictures without captions")
        return found


def _load(listing: pathlib.Path) -> dict[str, Any]:
    try:
        content = json.loads(listing.read_bytes())
    except OSError as error:
        hint = "give the folder that holds 'annotations'"
        raise DataError(f"cannot read {listing}: {error.strerror or error}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{listing} is not JSON ({error})", hint="get the file again") from error
    if not isinstance(content, dict):
        raise DataError(f"{listing} does not hold lists of images and annotations", hint="is it a file of captions?")
    return content


def _entries(listing: pathlib.Path, content: dict[str, Any], key: str, kinds: dict[str, type]) -> list[dict[str, Any]]:
    """``content[key]``, a list of mappings with at least ``kinds``."""
    entries = content.get(key)
    if not isinstance(entries, list):
        raise DataError(f"{listing} has no list '{key}'", hint="is it a file of captions?")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not all(isinstance(entry.get(name), kind) for name, kind in kinds.items()):
            wanted = " and ".join(kinds)
            raise DataError(f"{listing}: {key}[{number}] lacks {wanted}", hint="is it a file of captions?")
    return entries
