"""A network as an attacker sees it whose answers are looked at beside their losses."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...functional.layer_outputs import evaluating
from .loss_victim import LossVictim


class AnswerVictim(LossVictim):
    """What is attacked where the loss of a row is one of what the network answers to it.

    Args:
        model: the network.
        answer: raw inputs (rows, ...) and the numbers of their rows, int64 (rows,), to answers (rows, ...);
            differentiable.
        loss: answers and the numbers of their rows to the loss of each, (rows,); differentiable.
        bounds, there: see `LossVictim`; what is there of a row is there of its answer.

    Raises:
        ArgumentError: bounds in the wrong order.
    """

    def __init__(
        self,
        model: nn.Module,
        answer: Callable[[Tensor, Tensor], Tensor],
        loss: Callable[[Tensor, Tensor], Tensor],
        bounds: tuple[float, float] = (-torch.inf, torch.inf),
        there: Tensor | None = None,
    ) -> None:
        super().__init__(model, lambda raw, numbers: loss(answer(raw, numbers), numbers), bounds, there)
        self._answer = answer

    def answers(self, raw: Tensor, numbers: Tensor) -> Tensor:
        """What the network answers, without gradients."""
        with evaluating(self.model), torch.no_grad():
            return self._answer(raw, numbers)
