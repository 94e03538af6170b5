"""A rate that falls along half a cosine."""

from __future__ import annotations

import math
from typing import ClassVar

from ...core.arguments import Probability
from ..schedule import Progress, Schedule


class Cosine(Schedule):
    """The rate falls along half a cosine: floor + (1 - floor) (1 + cos(pi epoch / epochs)) / 2.

    Args:
        floor: the factor reached at the very end.

    Reference: Loshchilov & Hutter (2017), SGDR, equation 5, with one period.
    """

    name: ClassVar[str] = "cosine"
    reference: ClassVar[str] = "loshchilov2017"

    def __init__(self, floor: Probability = 0.0) -> None:
        self.floor = floor

    def factor(self, progress: Progress) -> float:
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * progress.epoch / progress.epochs)) / 2
