"""Adam with decoupled weight decay."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from ...core.arguments import NonNegativeFloat, PositiveFloat, Probability
from ..update_rule import UpdateRule, fused


class AdamW(UpdateRule):
    """Adam with decoupled weight decay: theta <- (1 - learning_rate lambda) theta before each step of Adam.

    Args:
        learning_rate: the step size, alpha in the paper.
        betas: beta1 and beta2.
        epsilon: keeps the quotient finite.
        weight_decay: lambda.

    Reference: Loshchilov & Hutter (2019), Algorithm 2, with the rate as torch has it (inside the decay).
    """

    name: ClassVar[str] = "adamw"
    reference: ClassVar[str] = "loshchilov2019"

    def __init__(
        self,
        learning_rate: PositiveFloat = 0.001,
        betas: tuple[Probability, Probability] = (0.9, 0.999),
        epsilon: PositiveFloat = 1e-8,
        weight_decay: NonNegativeFloat = 0.01,
    ) -> None:
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.betas, self.epsilon = betas, epsilon

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.groups(model), lr=self.learning_rate, betas=self.betas, eps=self.epsilon, fused=fused(model)
        )
