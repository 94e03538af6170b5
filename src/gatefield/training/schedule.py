"""The contract of a learning-rate schedule: a pure function of how far training has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from ..core.configurable import Configurable


class Progress(NamedTuple):
    """How far training has come.

    Attributes:
        epoch: epochs done, with the fraction of the running one: 2.5 is the middle of the third.
        epochs: epochs in total; whole, unless a warm-up took part of one.
        validation_losses: one a finished epoch, oldest first; empty without validation data.
    """

    epoch: float
    epochs: float
    validation_losses: Sequence[float] = ()


class Schedule(Configurable):
    """A factor on the base learning rate. It keeps no state, so a resumed run needs none of it.

    Attributes:
        needs_validation: whether the factor depends on validation losses.
    """

    kind: ClassVar[str] = "schedule"
    package: ClassVar[str] = "gatefield.training.schedules"
    needs_validation: bool = False

    def factor(self, progress: Progress) -> float:
        """The factor at ``progress``, before the update that starts there."""
        raise NotImplementedError
