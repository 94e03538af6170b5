"""The pinball loss of quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from torch import Tensor

from ...core.arguments import Interval
from ...core.errors import ArgumentError
from ...functional.forecast_measures import pinball_loss
from ..objective import Objective

Level = Annotated[float, Interval("(0, 1)")]


class Quantiles(Objective):
    """Pinball loss of forecasts f of the quantiles of real numbers y: mean of max(q (y - f), (q - 1) (y - f)).

    Its minimum is the quantile of each level q; with the level 0.5 alone it is half the mean absolute error, and f the
    median. Outputs are (..., levels), targets (...).

    Args:
        levels: q, ascending.

    Raises:
        ArgumentError: levels that do not ascend.

    Reference: Koenker and Bassett (1978), section 3.
    """

    name: ClassVar[str] = "quantiles"
    unit: ClassVar[str] = "quantiles"
    reference: ClassVar[str] = "koenker1978"

    def __init__(self, levels: Sequence[Level] = (0.5,)) -> None:
        if list(levels) != sorted(set(levels)) or not levels:
            hint = "give each level once, the smallest first: [0.1, 0.5, 0.9]"
            raise ArgumentError(f"the levels {list(levels)} do not ascend", hint=hint, path=("levels",))
        self.levels = tuple(levels)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return pinball_loss(targets, outputs, outputs.new_tensor(self.levels))

    def correct(self, outputs: Tensor, targets: Tensor) -> None:
        """Real numbers are not right or wrong."""
        return
