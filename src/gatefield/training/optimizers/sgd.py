"""Stochastic gradient descent."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from ...core.arguments import NonNegativeFloat, PositiveFloat
from ..update_rule import UpdateRule, fused


class SGD(UpdateRule):
    """Stochastic gradient descent: theta <- theta - epsilon (g + lambda theta).

    Args:
        learning_rate: epsilon.
        weight_decay: lambda, of the penalty lambda/2 |theta|^2.

    Reference: Goodfellow, Bengio & Courville (2016), Algorithm 8.1; catalogue 118.
    """

    name: ClassVar[str] = "sgd"
    reference: ClassVar[str] = "goodfellow2016"

    def __init__(self, learning_rate: PositiveFloat = 0.1, weight_decay: NonNegativeFloat = 0.0) -> None:
        self.learning_rate, self.weight_decay = learning_rate, weight_decay

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.groups(model), lr=self.learning_rate, fused=fused(model))
