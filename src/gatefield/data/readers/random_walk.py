"""A generated price, of which one knows how well it can be foretold: nothing to fetch."""

from __future__ import annotations

import math
import pathlib
from typing import Annotated, Self

import torch

from ...core.arguments import Interval, NonNegativeInt, PositiveFloat
from ...core.seeding import generator
from ..frequency import Frequency
from ..series import Series, SeriesReader


class RandomWalk(SeriesReader):
    """A price whose logarithm walks at random, with or without momentum, day by day.

        log p_t = log p_(t-1) + r_t,   r_t = momentum r_(t-1) + e_t,   e_t normal with deviation ``volatility``

    Of whether the price rises next, the best forecast there is (it rises if it just rose, where momentum is above 0) is
    right with the chance 1/2 + arcsin(|momentum|) / pi: half of the time without momentum, as the efficient-market
    hypothesis has it, and 63.1 % with 0.4.

    Args:
        days: how many, from January 2000 on.
        momentum: how much of a change goes on.
        volatility: deviation of e_t, in parts of the price.
        seed: of the changes.

    Reference: Fama (1965), The behavior of stock-market prices (catalogue 223).
    """

    name = "random-walk"
    licence = "none: generated"

    def __init__(
        self,
        days: Annotated[int, Interval("[2, 2900000]")] = 4000,
        momentum: Annotated[float, Interval("(-1, 1)")] = 0.4,
        volatility: PositiveFloat = 0.01,
        seed: NonNegativeInt = 0,
    ) -> None:
        self.days, self.momentum, self.volatility, self.seed = days, momentum, volatility, seed

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Two hundred days."""
        return cls(days=200)

    @property
    def best(self) -> float:
        """The chance of the best forecast of a direction to be right."""
        return 0.5 + math.asin(abs(self.momentum)) / math.pi

    def read(self) -> Series:
        random = generator(self.seed, "random walk")
        e = self.volatility * torch.randn(self.days, generator=random, dtype=torch.float64)
        e[0] /= math.sqrt(1 - self.momentum**2)  # so that the first change is one like all others
        changes, r = [], 0.0
        for step in e.tolist():
            r = self.momentum * r + step
            changes.append(r)
        price = 100 * torch.tensor(changes, dtype=torch.float64).cumsum(0).exp()
        day = Frequency("second", 86400)
        stamps = [day.after("2000-01-01", t) for t in range(self.days)]
        return Series(price[:, None], ["price"], stamps, day)
