"""The contract of a training objective: what is minimized, and what the outputs mean."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ..core.configurable import Configurable
from ..core.discovery import family
from ..core.errors import ArgumentError, suggest


class Objective(Configurable):
    """What an output unit implies: a loss to minimize and class probabilities (catalogue 109).

    Class attributes:
        unit: the output unit it serves, as ``Model.output`` names it.
    """

    kind: ClassVar[str] = "objective"
    package: ClassVar[str] = "gatefield.training.objectives"
    unit: ClassVar[str] = ""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss over the samples, a scalar; ``outputs`` (N, classes), ``targets`` int64 (N,)."""
        raise NotImplementedError

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Class probabilities (N, classes) from ``outputs`` (N, classes)."""
        raise NotImplementedError


def objective_for(unit: str) -> Objective:
    """The objective that the output unit ``unit`` implies, with its default arguments.

    Raises:
        ArgumentError: no objective serves this unit.
    """
    serving = {cls.unit: cls for cls in family(Objective).classes}
    if unit not in serving:
        raise ArgumentError(f"there is no objective for the output unit {unit!r}", hint=suggest(unit, serving))
    return serving[unit]()
