"""Whether a hypothesis has looked at all of its source."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from .stepper import Stepper


class Coverage:
    """How much attention every source position has had, for the hypotheses that a beam follows.

        cp(X; Y) = beta * sum_i log( min( sum_j p_ij, 1 ) )

    Departs from the paper: a position that got no attention at all costs log of the smallest number, not infinity.

    Args:
        stepper: must tell its ``attention``; see `AttentiveStepper`.
        beta: the weight of the penalty.

    Raises:
        ArgumentError: the stepper has no attention.

    Reference: Wu et al. (2016), equation 14.
    """

    def __init__(self, stepper: Stepper, beta: float) -> None:
        attention = getattr(stepper, "attention", None)
        if attention is None:
            hint = "leave 'coverage' at 0, or take a model with attention"
            raise ArgumentError("a coverage penalty needs a stepper that tells its attention", hint=hint)
        self.attention, self.beta = attention, beta
        self.sums: Tensor | None = None

    def add(self, state: Any, sentences: Tensor, hypotheses: Tensor, dtype: torch.dtype) -> Tensor:
        """Take in the attention of one step.

        Args:
            state: after the step.
            sentences, hypotheses: how the hypotheses were put in order before it, as in `Stepper.reorder`.

        Returns:
            cp of each hypothesis, (n, w).
        """
        weights, counts = self.attention(state)
        sums = weights if self.sums is None else self.sums[sentences[:, None], hypotheses] + weights
        self.sums = sums
        each = sums.clamp(torch.finfo(weights.dtype).tiny, 1).to(dtype).log()
        return self.beta * each.masked_fill(~counts[:, None, :], 0).sum(2)
