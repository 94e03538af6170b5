"""A generated series with trend and seasons: nothing to fetch."""

from __future__ import annotations

import math
import pathlib
from typing import Self

import torch

from ...core.arguments import NonNegativeFloat, NonNegativeInt, PositiveInt
from ...core.seeding import generator
from ..frequency import Frequency
from ..series import Series, SeriesReader


class Seasonal(SeriesReader):
    """Monthly values with a trend, two waves a year and disturbances that die away slowly, from January 1960 on.

        y_t = 100 + t / 10 + 15 sin(2 pi t / 12) + 6 cos(2 pi t / 6) + u_t
        u_t = 0.7 u_(t-1) + e_t,  e_t normal with deviation ``noise``

    Args:
        months: how many.
        noise: deviation of e_t.
        seed: of the disturbances.
    """

    name = "seasonal"
    licence = "none: generated"

    def __init__(self, months: PositiveInt = 600, noise: NonNegativeFloat = 3.0, seed: NonNegativeInt = 0) -> None:
        self.months, self.noise, self.seed = months, noise, seed

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Ten years."""
        return cls(months=120)

    def read(self) -> Series:
        e = self.noise * torch.randn(self.months, generator=generator(self.seed, "seasonal"), dtype=torch.float64)
        u, values = 0.0, []
        for t in range(self.months):
            u = 0.7 * u + float(e[t])
            values.append(100 + t / 10 + 15 * math.sin(2 * math.pi * t / 12) + 6 * math.cos(2 * math.pi * t / 6) + u)
        month = Frequency("month")
        stamps = [month.after("1960-01-01", t) for t in range(self.months)]
        return Series(torch.tensor(values, dtype=torch.float64)[:, None], ["value"], stamps, month)
