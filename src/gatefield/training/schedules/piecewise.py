"""A rate given by a table."""

from __future__ import annotations

import itertools
from typing import ClassVar

from ...core.arguments import NonNegativeFloat, PositiveFloat
from ...core.errors import ArgumentError
from ..schedule import Progress, Schedule


class Piecewise(Schedule):
    """A table of the user's own: each factor holds from its epoch until the next; before the first it is 1.

    Args:
        table: pairs [epoch, factor] with rising epochs, for example [[0, 0.1], [2, 1.0], [8.5, 0.01]].

    Raises:
        ArgumentError: the epochs do not rise.
    """

    name: ClassVar[str] = "piecewise"

    def __init__(self, table: list[tuple[NonNegativeFloat, PositiveFloat]]) -> None:
        epochs = [epoch for epoch, _ in table]
        if any(later <= earlier for earlier, later in itertools.pairwise(epochs)):
            raise ArgumentError(f"the epochs {epochs} do not rise", hint="write the table in order", path=("table",))
        self.table = table

    def factor(self, progress: Progress) -> float:
        passed = [factor for epoch, factor in self.table if epoch <= progress.epoch]
        return passed[-1] if passed else 1.0
