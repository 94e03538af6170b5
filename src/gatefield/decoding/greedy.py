"""The most probable symbol at every step."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from ..core.arguments import NonNegativeInt
from .decoder import Decoder, Request
from .hypothesis import Hypothesis
from .rollout import roll_out
from .stepper import Stepper


class Greedy(Decoder):
    """Take the most probable symbol at every step: y_t = argmax_v p(v | y_<t, x); of equal ones the first.

    Args:
        minimum: fewest symbols before the end symbol.

    Reference: catalogue 27, 179.
    """

    name: ClassVar[str] = "greedy"
    reference: ClassVar[str] = "catalogue 27, catalogue 179"

    def __init__(self, minimum: NonNegativeInt = 0) -> None:
        self.minimum = minimum

    def answer(self, stepper: Stepper, state: Any, request: Request) -> list[list[Hypothesis]]:
        def choose(log_probabilities: Tensor, sentences: Tensor, step: int) -> Tensor:
            return log_probabilities.argmax(2)

        return roll_out(stepper, state, request, 1, choose)
