"""A rate that rises at first, then follows another schedule."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from ...core.arguments import Interval, PositiveFloat
from ...core.configurable import named
from ..schedule import Progress, Schedule


class Warmup(Schedule):
    """The rate rises linearly from ``start`` to 1, then follows another schedule as if training began there.

    Args:
        epochs: how long the rise takes; fractions are allowed.
        start: the factor of the first update.
        then: the schedule after the rise.

    Reference: Goyal et al. (2017), section 2.2, gradual warm-up.
    """

    name: ClassVar[str] = "warmup"
    reference: ClassVar[str] = "goyal2017"

    def __init__(
        self,
        epochs: PositiveFloat = 1.0,
        start: Annotated[float, Interval("(0, 1]")] = 0.01,
        then: Schedule = named("constant"),
    ) -> None:
        self.epochs, self.start, self.then = epochs, start, then
        self.needs_validation = then.needs_validation

    def factor(self, progress: Progress) -> float:
        if progress.epoch < self.epochs or progress.epochs <= self.epochs:
            return self.start + (1 - self.start) * progress.epoch / self.epochs
        losses = progress.validation_losses[math.floor(self.epochs) :]
        return self.then.factor(Progress(progress.epoch - self.epochs, progress.epochs - self.epochs, losses))
