"""Adam."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from ...core.arguments import NonNegativeFloat, PositiveFloat, Probability
from ..update_rule import UpdateRule, fused


class Adam(UpdateRule):
    """Adam: steps of a size set by running means of the gradient and of its square.

        m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2
        theta <- theta - learning_rate m^ / (sqrt(v^) + epsilon),  m^ = m / (1 - beta1^t),  v^ = v / (1 - beta2^t)

    Args:
        learning_rate: the step size, alpha in the paper.
        betas: beta1 and beta2.
        epsilon: keeps the quotient finite.
        weight_decay: lambda, of the penalty lambda/2 |theta|^2, whose gradient joins g.

    Reference: Kingma & Ba (2015), Algorithm 1.
    """

    name: ClassVar[str] = "adam"
    reference: ClassVar[str] = "kingma2015"

    def __init__(
        self,
        learning_rate: PositiveFloat = 0.001,
        betas: tuple[Probability, Probability] = (0.9, 0.999),
        epsilon: PositiveFloat = 1e-8,
        weight_decay: NonNegativeFloat = 0.0,
    ) -> None:
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.betas, self.epsilon = betas, epsilon

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            self.groups(model), lr=self.learning_rate, betas=self.betas, eps=self.epsilon, fused=fused(model)
        )
