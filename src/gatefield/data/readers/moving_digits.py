"""Films of handwritten digits that fly about and bounce: nothing to fetch."""

from __future__ import annotations

import pathlib
from typing import Self

import torch

from ...core.arguments import NonNegativeInt, PositiveInt
from ..corpus import Parts
from ..film import Film, FilmReader
from ..synthetic.moving_digits import moving_digits
from .digits import Digits


class MovingDigits(FilmReader):
    """The digits of scikit-learn, 8 x 8 pixels, moving at constant speed and bouncing off the sides of a square.

    Digits of scikit-learn's test part make the validation and test films, so that no handwriting is in two parts.

    Args:
        films: training films.
        held_out: films of the validation part, and as many of the test part.
        frames: of a film.
        size: height and width in pixels, at least 8.
        digits: in each film.
        seed: of everything that is drawn.

    Reference: Srivastava, Mansimov and Salakhutdinov (2015), section 4.1, with smaller digits (catalogue 224).
    """

    name = "moving-digits"
    licence = "digits CC BY 4.0 (UCI Machine Learning Repository)"
    homepage = "https://archive.ics.uci.edu/dataset/80"

    def __init__(
        self,
        films: PositiveInt = 2000,
        held_out: PositiveInt = 500,
        frames: PositiveInt = 10,
        size: PositiveInt = 16,
        digits: PositiveInt = 1,
        seed: NonNegativeInt = 0,
    ) -> None:
        self.films, self.held_out, self.frames = films, held_out, frames
        self.size, self.digits, self.seed = size, digits, seed

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Eight training films, and twice four."""
        return cls(films=8, held_out=4, frames=5, size=10)

    def read(self) -> Parts[Film]:
        """The three parts."""
        digits = Digits().read()
        assert digits.test is not None
        half, end = len(digits.test) // 2, len(digits.test)
        parts = []
        for number, (name, images, chosen, count) in enumerate(
            (
                ("train", digits.train, torch.arange(len(digits.train)), self.films),
                ("validation", digits.test, torch.arange(half), self.held_out),
                ("test", digits.test, torch.arange(half, end), self.held_out),
            )
        ):
            pictures = images.batch(chosen)[:, 0]
            films = moving_digits(pictures, count, self.frames, self.size, self.digits, seed=3 * self.seed + number)
            parts.append([Film(film[:, None], f"moving-digits {name} {row}") for row, film in enumerate(films)])
        return Parts(*parts)
