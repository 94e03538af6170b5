"""A rate that falls by a factor every few epochs."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from ...core.arguments import Interval, PositiveInt
from ..schedule import Progress, Schedule


class Step(Schedule):
    """The rate falls by a factor every few epochs: factor^floor(epoch / every).

    Args:
        every: epochs between two falls.
        factor: what the rate is multiplied by at each.
    """

    name: ClassVar[str] = "step"

    def __init__(self, every: PositiveInt = 30, factor: Annotated[float, Interval("(0, 1)")] = 0.1) -> None:
        self.every, self.fall = every, factor

    def factor(self, progress: Progress) -> float:
        return self.fall ** math.floor(progress.epoch / self.every)
