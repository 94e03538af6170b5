"""Data sets of four idx files, as MNIST's: the family's base, and the user's own."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy
import torch

from ...core.arguments import PositiveInt
from ...core.errors import DataError
from ..idx_file import read_idx, write_idx
from ..image_set import ImageTensor
from ..location import locate
from ..reader import ImageReader, Splits
from ..resizing import resized


class IdxReader(ImageReader):
    """Base of the readers of four idx files: training and test part, images and labels, named as MNIST's are.

    ``train-images-idx3-ubyte`` and so on, with or without ``.gz``, and with ``.idx3`` for ``-idx3``.

    Args:
        path: the folder of the files.
        size: height and width to scale to, bilinear; the files' own if None.
    """

    classes: ClassVar[Sequence[str]] = [str(digit) for digit in range(10)]

    def __init__(self, path: str | None = None, size: PositiveInt | None = None) -> None:
        self.path, self.size = path, size

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Ten training and ten test images of noise, gzip and plain, below ``folder``."""
        random = numpy.random.default_rng(0)
        for part, suffix in (("train", ".gz"), ("t10k", "")):
            write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", random.integers(0, 256, (10, 28, 28), numpy.uint8))
            write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", numpy.arange(10, dtype=numpy.uint8))
        return cls(path=str(folder))

    def read(self) -> Splits:
        """Training and test part."""
        folder = locate(self.name, self.folder, self.path)
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder", hint="give the folder that holds the idx files")
        train = self._part(folder, "train")
        return Splits(train, None, self._part(folder, "t10k"), self._class_names(train))

    def _class_names(self, train: ImageTensor) -> Sequence[str]:
        return self.classes

    def _part(self, folder: pathlib.Path, part: str) -> ImageTensor:
        images_file = _find(folder, f"{part}-images", 3)
        labels_file = _find(folder, f"{part}-labels", 1)
        images, labels = read_idx(images_file), read_idx(labels_file)
        if images.dim() not in (3, 4) or images.dtype != torch.uint8:
            raise DataError(
                f"{images_file} holds {images.dim()} dimensions of {str(images.dtype).removeprefix('torch.')}",
                hint="images are uint8 (count, height, width), or (count, height, width, channels)",
            )
        if labels.dim() != 1 or labels.is_floating_point():
            raise DataError(
                f"{labels_file} does not hold one whole number an image", hint="are images and labels swapped?"
            )
        if len(images) != len(labels):
            raise DataError(
                f"{images_file} has {len(images)} images but {labels_file} has {len(labels)} labels",
                hint="use the two files of the same part of the same data set",
            )
        images = images[:, None] if images.dim() == 3 else images.permute(0, 3, 1, 2)
        return ImageTensor(resized(images, self.size), labels, f"{self.name} {'test' if part == 't10k' else part}")


def _find(folder: pathlib.Path, stem: str, dimensions: int) -> pathlib.Path:
    """The file ``stem`` of the MNIST family in ``folder``, in any of its four spellings.

    Raises:
        DataError: there is none.
    """
    spellings = [f"{stem}{mark}idx{dimensions}-ubyte{end}" for end in ("", ".gz") for mark in ("-", ".")]
    for spelling in spellings:
        if (folder / spelling).is_file():
            return folder / spelling
    raise DataError(
        f"there is no {spellings[0]}[.gz] in {folder}", hint="check the folder, or fetch the data set again"
    )


class Idx(IdxReader):
    """Your own images in four idx files, named as MNIST's are.

    Args:
        path: the folder of the files.
        classes: the name of each label from 0 on; by default the numbers up to the largest label of the training part.
        size: height and width to scale to, bilinear; the files' own if None.
    """

    name = "idx"

    def __init__(self, path: str, classes: list[str] | None = None, size: PositiveInt | None = None) -> None:
        super().__init__(path, size)
        self.given_classes = classes

    def _class_names(self, train: ImageTensor) -> Sequence[str]:
        if self.given_classes is not None:
            return self.given_classes
        return [str(label) for label in range(int(train.labels.max()) + 1 if len(train) else 0)]
