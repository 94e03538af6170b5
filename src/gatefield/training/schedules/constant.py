"""A rate that never changes."""

from __future__ import annotations

from typing import ClassVar

from ..schedule import Progress, Schedule


class Constant(Schedule):
    """The base rate from the first update to the last."""

    name: ClassVar[str] = "constant"

    def factor(self, progress: Progress) -> float:
        return 1.0
