"""A rate given by a function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

from ...core.errors import ArgumentError
from ..schedule import Progress, Schedule


class User(Schedule):
    """A Python function of the user's own, from `Progress` to the factor.

    It cannot be written into a recipe; there, use ``piecewise``.

    Args:
        function: must be pure, or a resumed run differs from an unbroken one.
    """

    name: ClassVar[str] = "user"

    def __init__(self, function: Callable[[Progress], float]) -> None:
        self.function = function

    def factor(self, progress: Progress) -> float:
        factor = float(self.function(progress))
        if not (math.isfinite(factor) and factor >= 0):
            raise ArgumentError(
                f"the schedule's function gave {factor} at epoch {progress.epoch:g}",
                hint="return a number of at least 0",
            )
        return factor
