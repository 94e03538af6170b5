"""The contract of a training objective: what is minimized, and what the outputs mean."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ..core.configurable import Configurable
from ..core.discovery import family
from ..core.errors import ArgumentError, suggest
from .batches import IGNORED


class Objective(Configurable):
    """What an output unit implies: a loss to minimize and class probabilities (catalogue 109).

    Outputs are (N, classes) with targets (N,), or (N, time, classes) with targets (N, time), in which `IGNORED` marks
    the steps that do not count. Objectives of other shape (CTC, for example) say what they take.

    Class attributes:
        unit: the output unit it serves, as ``Model.output`` names it.
    """

    kind: ClassVar[str] = "objective"
    package: ClassVar[str] = "gatefield.training.objectives"
    unit: ClassVar[str] = ""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss over what counts, a scalar."""
        raise NotImplementedError

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Class probabilities, of the shape of ``outputs``."""
        raise NotImplementedError

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """The share of right answers among those that count, a scalar; None where answers are not right or wrong."""
        counts = targets != IGNORED
        right = self.probabilities(outputs).argmax(-1) == targets
        return right[counts].double().mean() if outputs.device.type != "mps" else right[counts].float().mean()


def objective_for(unit: str) -> Objective:
    """The objective that the output unit ``unit`` implies, with its default arguments.

    Raises:
        ArgumentError: no objective serves this unit.
    """
    serving = {cls.unit: cls for cls in family(Objective).classes}
    if unit not in serving:
        raise ArgumentError(f"there is no objective for the output unit {unit!r}", hint=suggest(unit, serving))
    return serving[unit]()
