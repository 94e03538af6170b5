"""Rendered scenes of digits with captions from a template: a small captioning task without download."""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import tempfile
from typing import Self

import torch
from PIL import Image
from torch import Tensor

from ...core.arguments import PositiveInt
from ...core.files import storage_errors
from ...core.seeding import generator
from ..corpus import CaptionedImage, Parts
from ..location import cache_folder
from ..reader import CaptionReader
from .digits import Digits

_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_SIDE, _SCALE = 48, 2
_DIGIT = 8 * _SCALE
_VERSION = 1


class DigitScenes(CaptionReader):
    """One to three handwritten digits on a dark square, and three sentences that say what stands where.

    The digits are those of scikit-learn; digits of its test part make the validation and test scenes, so that no
    handwriting is in two parts. Everything is drawn from fixed streams. The pictures are written as PNG, once, to a
    folder in the cache (or to ``path``).

    Args:
        count: training scenes.
        held_out: scenes of the validation part, and as many of the test part.
        path: where the pictures are written; a folder ``digit-scenes`` in the cache if None.
    """

    name = "digit-scenes"
    licence = "digits CC BY 4.0 (UCI Machine Learning Repository)"
    homepage = "https://archive.ics.uci.edu/dataset/80"

    def __init__(self, count: PositiveInt = 2000, held_out: PositiveInt = 200, path: str | None = None) -> None:
        self.count, self.held_out = count, held_out
        self.place = cache_folder() / "digit-scenes" if path is None else pathlib.Path(path).expanduser()

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Six training scenes, and twice three."""
        return cls(count=6, held_out=3, path=str(folder))

    def read(self) -> Parts[CaptionedImage]:
        """The three parts."""
        digits = Digits().read()
        assert digits.test is not None
        half = len(digits.test) // 2
        halves = digits.test.subset(torch.arange(half)), digits.test.subset(torch.arange(half, len(digits.test)))
        key = hashlib.sha256(f"{_VERSION} {self.count} {self.held_out}".encode()).hexdigest()[:12]
        folder = self.place / key
        scenes = {}
        for part, images in zip(("train", "validation", "test"), (digits.train, *halves)):
            pixels, labels = images.batch(torch.arange(len(images)))[:, 0], images.labels
            random = generator(0, "digit-scenes", part)
            count = self.count if part == "train" else self.held_out
            scenes[part] = [_scene(pixels, labels, random) for _ in range(count)]
        if not folder.is_dir():
            _write({f"{part}-{n}.png": p for part, found in scenes.items() for n, (p, _) in enumerate(found)}, folder)
        train, validation, test = (
            [
                CaptionedImage(folder / f"{part}-{number}.png", captions, f"digit-scenes {part} {number}")
                for number, (_, captions) in enumerate(found)
            ]
            for part, found in scenes.items()
        )
        return Parts(train, validation, test)


def _scene(pixels: Tensor, labels: Tensor, random: torch.Generator) -> tuple[Tensor, list[str]]:
    """Pixels uint8 (48, 48) and captions of one scene: digits in different cells of a 3 x 3 board."""

    def draw(below: int) -> int:
        return int(torch.randint(below, (), generator=random))

    cells = sorted(torch.randperm(9, generator=random)[: 1 + draw(3)].tolist())
    canvas = torch.zeros(_SIDE, _SIDE, dtype=torch.uint8)
    words = []
    for cell in cells:
        chosen = draw(len(labels))
        digit = pixels[chosen].repeat_interleave(_SCALE, 0).repeat_interleave(_SCALE, 1)
        top, left = _DIGIT * (cell // 3), _DIGIT * (cell % 3)
        canvas[top : top + _DIGIT, left : left + _DIGIT] = digit
        words.append(_WORDS[int(labels[chosen])])
    return canvas, _captions(words, cells)


def _captions(words: list[str], cells: list[int]) -> list[str]:
    """Three sentences: what there is, where the first digit is, and how the first two stand to each other."""
    named = [_a(word) for word in words]
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    rows, columns = ("top", "middle", "bottom"), ("left", "center", "right")
    placed = [f"{name} at the {rows[cell // 3]} {columns[cell % 3]}" for name, cell in zip(named, cells)]
    if len(words) == 1:
        return [listed, placed[0], f"only {named[0]}"]
    (first, second), (here, there) = named[:2], cells[:2]
    relation = "above" if here // 3 < there // 3 else "to the left of"  # cells are in reading order
    return [listed, " and ".join(placed), f"{first} {relation} {second}"]


def _a(word: str) -> str:
    return f"an {word}" if word == "eight" else f"a {word}"


def _write(pictures: dict[str, Tensor], folder: pathlib.Path) -> None:
    """All ``pictures`` in a new ``folder``, or none."""
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = pathlib.Path(tempfile.mkdtemp(prefix=".scenes-", dir=folder.parent))
        try:
            for name, picture in pictures.items():
                Image.fromarray(picture.numpy()).save(temporary / name)
            try:
                os.replace(temporary, folder)
            except OSError:
                if not folder.is_dir():  # another process was first, with the same pictures
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
