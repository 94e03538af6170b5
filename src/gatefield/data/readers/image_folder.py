"""A folder of images: one folder a class, with or without train and validation and test folders above them."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy
import torch
from PIL import Image

from ...core.arguments import PositiveInt
from ...core.errors import DataError
from ..decode import EXTENSIONS, header
from ..image_files import files_below
from ..image_set import ImageTensor
from ..reader import ImageReader, LabelledImages, Splits
from ..streamed_images import ImageFiles

_PARTS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
_IN_MEMORY = 1_000_000_000
_LAYOUT = "put the images of each class into a folder named after the class"


@dataclass
class _Found:
    """The image files of one part, the class of each, and all classes that have a folder."""

    folder: pathlib.Path
    paths: list[pathlib.Path] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)


class ImageFolder(ImageReader):
    """Your own images: PNG, JPEG, BMP, GIF, TIFF or WebP files, one folder a class.

    ``folder/cat/1.jpg``, or with parts ``folder/train/cat/1.jpg`` and likewise ``val`` (or ``valid``, ``validation``)
    and ``test``. Classes are numbered in the order of their names. Hidden files and files of other kinds are passed
    over, links that lead out of the folder are not followed.

    Args:
        path: the folder.
        size: side, or height and width, to scale every image to: the largest centred part of that aspect, bilinear
            with antialiasing. If None all files must have the same size.
        channels: 1 for grey, 3 for colour; ``auto`` is 1 if all files are grey.
        skip_bad: whether a damaged file is left out and counted in the notes; otherwise it is an error.
        streaming: whether pixels stay on disk and are decoded a batch at a time; ``auto`` does so above 1 GB.
    """

    name = "image-folder"

    def __init__(
        self,
        path: str,
        size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None,
        channels: Literal["auto", 1, 3] = "auto",
        skip_bad: bool = False,
        streaming: Literal["auto", True, False] = "auto",
    ) -> None:
        self.path, self.channels, self.skip_bad, self.streaming = (
            pathlib.Path(path).expanduser(),
            channels,
            skip_bad,
            streaming,
        )
        self.size = (size, size) if isinstance(size, int) else size

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Twelve training and four validation images of noise in two classes below ``folder``."""
        random = numpy.random.default_rng(0)
        for part, count in (("train", 6), ("val", 2)):
            for label in ("cross", "ring"):
                (folder / part / label).mkdir(parents=True, exist_ok=True)
                for number in range(count):
                    pixels = random.integers(0, 256, (8, 10, 3), numpy.uint8)
                    Image.fromarray(pixels).save(folder / part / label / f"{number}.png")
        return cls(path=str(folder))

    def read(self) -> Splits:
        """The parts that the folder has; only ``train`` where it has none."""
        if not self.path.is_dir():
            raise DataError(f"there is no folder {self.path}", hint="check the path of the folder of images")
        notes: list[str] = []
        parts = {part: self._find(folder, notes) for part, folder in self._parts().items()}
        classes = self._classes(parts)
        paths = [path for found in parts.values() for path in found.paths]
        shape = self._shape(paths)
        large = len(paths) * shape[0] * shape[1] * shape[2] > _IN_MEMORY
        stream = large if self.streaming == "auto" else bool(self.streaming)
        images = {part: self._images(found, classes, shape, stream, notes) for part, found in parts.items()}
        return Splits(images["train"], images.get("validation"), images.get("test"), classes, notes)

    def _parts(self) -> dict[str, pathlib.Path]:
        """Part -> folder. A folder ``train`` beside folders of other names is a class like them."""
        folders = _subfolders(self.path)
        names = [folder.name.lower() for folder in folders]
        if "train" not in names or not set(names) <= set(_PARTS) or not _subfolders(folders[names.index("train")]):
            return {"train": self.path}
        parts: dict[str, pathlib.Path] = {}
        for name, folder in zip(names, folders):
            if _PARTS[name] in parts:
                raise DataError(
                    f"{parts[_PARTS[name]]} and {folder} are both a {_PARTS[name]} part", hint="keep one of the two"
                )
            parts[_PARTS[name]] = folder
        return parts

    def _find(self, folder: pathlib.Path, notes: list[str]) -> _Found:
        links = [child for child in sorted(folder.iterdir()) if child.is_symlink() and child.is_dir()]
        found, others = _Found(folder, classes=[child.name for child in _subfolders(folder)]), 0
        for label in found.classes:
            for path in files_below(folder / label):
                if path.is_symlink() and (path.is_dir() or not path.resolve().is_relative_to(self.path.resolve())):
                    links.append(path)
                elif path.suffix.lower() in EXTENSIONS:
                    found.paths.append(path)
                    found.names.append(label)
                else:
                    others += 1
        if links:
            notes.append(f"{folder}: did not follow {len(links)} links, {_some(links)}")
        if others:
            notes.append(f"{folder}: passed over {others} files that are not images")
        return found

    def _classes(self, parts: dict[str, _Found]) -> list[str]:
        train = parts["train"]
        if not train.paths:
            contents = [path.suffix.lower() for path in train.folder.iterdir()]
            loose = not EXTENSIONS.isdisjoint(contents)
            state = "has images but no folders of classes" if loose else "has no images" if contents else "is empty"
            raise DataError(f"{train.folder} {state}", hint=_LAYOUT)
        empty = sorted(set(train.classes) - set(train.names))
        if empty:
            raise DataError(f"{train.folder / empty[0]} has no images", hint="delete the folder, or put images there")
        if len(train.classes) < 2:
            raise DataError(f"{train.folder} has one class only, '{train.classes[0]}'", hint=_LAYOUT)
        for found in parts.values():
            for name in sorted(set(found.classes) ^ set(train.classes)):
                has, lacks = (found, train) if name in found.classes else (train, found)
                raise DataError(
                    f"{has.folder} has a class '{name}' but {lacks.folder} has not",
                    hint="all parts need folders of the same names",
                )
            if not found.paths:
                raise DataError(f"{found.folder} has no images", hint="delete the folder, or put images there")
        return train.classes

    def _shape(self, paths: Sequence[pathlib.Path]) -> tuple[int, int, int]:
        """(channels, height, width), from the headers of as many files as it takes."""
        channels = self.channels if isinstance(self.channels, int) else None
        size = self.size
        for height, width, grey in self._headers(paths):
            size = size or (height, width)
            channels = channels or (None if grey else 3)
            if channels is not None:
                break
        if size is None:
            raise DataError(f"{self.path} has no readable image", hint="get the files again")
        return channels or 1, *size

    def _headers(self, paths: Sequence[pathlib.Path]) -> Iterator[tuple[int, int, bool]]:
        for path in paths:
            try:
                yield header(path)
            except DataError:
                if not self.skip_bad:
                    raise

    def _images(
        self, found: _Found, classes: Sequence[str], shape: tuple[int, int, int], stream: bool, notes: list[str]
    ) -> LabelledImages:
        numbers = {name: number for number, name in enumerate(classes)}
        labels = torch.tensor([numbers[name] for name in found.names])
        files = ImageFiles(self.path, found.paths, labels, shape, resize=self.size is not None)
        if self.skip_bad:
            files = self._without_damaged(files, found, notes)
        if stream:
            return files
        pixels = files.batch(torch.arange(len(files)))
        return ImageTensor(pixels, files.labels, str(found.folder), [str(path) for path in files.paths])

    def _without_damaged(self, files: ImageFiles, found: _Found, notes: list[str]) -> ImageFiles:
        damaged = files.damaged()
        if not damaged:
            return files
        notes.append(
            f"{found.folder}: left out {len(damaged)} damaged files, {_some([files.paths[index] for index in damaged])}"
        )
        good = torch.tensor([index for index in range(len(files)) if index not in damaged], dtype=torch.int64)
        lost = sorted(set(found.names) - {found.names[index] for index in good.tolist()})
        if lost:
            raise DataError(f"every image of {found.folder / lost[0]} is damaged", hint="get the files again")
        return files.subset(good)


def _subfolders(folder: pathlib.Path) -> list[pathlib.Path]:
    children = sorted(folder.iterdir())
    return [child for child in children if child.is_dir() and not child.is_symlink() and not child.name.startswith(".")]


def _some(paths: Sequence[pathlib.Path], count: int = 5) -> str:
    more = f" and {len(paths) - count} more" if len(paths) > count else ""
    return ", ".join(str(path) for path in paths[:count]) + more
