"""Handwritten digits that come with scikit-learn: nothing to fetch."""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Annotated, Self

import numpy
import torch
from torch import Tensor

from ...core.arguments import Interval, PositiveInt
from ..image_set import ImageTensor
from ..reader import ImageReader, Splits
from ..resizing import resized
from ..splitting import split


class Digits(ImageReader):
    """The 1797 handwritten digits of 8 x 8 pixels that scikit-learn ships.

    Values 0 .. 16 become round(255 v / 16). The test part is the same whatever the seed of a run, so that results of
    different seeds can be compared.

    Args:
        size: height and width to scale to, bilinear; 8 if None.
        test: the fraction held out as test part, every class in proportion; 0 for none.

    Reference: Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository.
    """

    name = "digits"
    licence = "CC BY 4.0 (UCI Machine Learning Repository)"
    homepage = "https://archive.ics.uci.edu/dataset/80"

    def __init__(self, size: PositiveInt | None = None, test: Annotated[float, Interval("[0, 1)")] = 0.2) -> None:
        self.size, self.test = size, test

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """The digits themselves: they need no network."""
        return cls()

    def read(self) -> Splits:
        """Training and test part, with the classes 0 .. 9."""
        pixels, labels = _load()
        images = ImageTensor(resized(pixels, self.size), labels, "digits")
        rest, held_out = split(images, self.test, seed=0)
        test = images.subset(held_out) if len(held_out) else None
        return Splits(images.subset(rest), None, test, [str(digit) for digit in range(10)])


def _load() -> tuple[Tensor, Tensor]:
    """uint8 (1797, 1, 8, 8) and labels.

    The table is read straight from the installed package, because importing ``sklearn.datasets`` takes two seconds.
    """
    package = importlib.util.find_spec("sklearn")
    table = pathlib.Path(package.origin if package and package.origin else "").parent / "datasets/data/digits.csv.gz"
    if table.is_file():
        rows = numpy.loadtxt(table, delimiter=",")
        pixels, labels = rows[:, :-1], rows[:, -1]
    else:
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
    scaled = numpy.rint(pixels * (255 / 16)).astype(numpy.uint8)
    return torch.from_numpy(scaled.reshape(-1, 1, 8, 8)), torch.from_numpy(labels.astype(numpy.int64))
