"""A rate that falls when the validation loss stops falling."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from ...core.arguments import Interval, NonNegativeInt, Probability
from ..schedule import Progress, Schedule


class Plateau(Schedule):
    """The rate falls when the validation loss has not improved for more than ``patience`` epochs.

    The factor is worked out from the list of all validation losses; it equals ``torch``'s ``ReduceLROnPlateau``.

    Args:
        patience: epochs without improvement that are borne.
        factor: what the rate is multiplied by then.
        minimum: the smallest factor.
        threshold: the relative gain that counts as an improvement.
    """

    name: ClassVar[str] = "plateau"
    needs_validation = True

    def __init__(
        self,
        patience: NonNegativeInt = 3,
        factor: Annotated[float, Interval("(0, 1)")] = 0.1,
        minimum: Probability = 0.0,
        threshold: Probability = 1e-4,
    ) -> None:
        self.patience, self.fall, self.minimum, self.threshold = patience, factor, minimum, threshold

    def factor(self, progress: Progress) -> float:
        factor, best, waited = 1.0, math.inf, 0
        for loss in progress.validation_losses:
            if loss < best * (1 - self.threshold):
                best, waited = loss, 0
            else:
                waited += 1
            if waited > self.patience:
                factor, waited = max(factor * self.fall, self.minimum), 0
        return factor
