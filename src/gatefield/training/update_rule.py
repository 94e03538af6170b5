"""The contract of an optimizer: a rule that turns gradients into updates, built for a model's parameters."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from ..core.configurable import Configurable
from ..core.errors import ArgumentError


class UpdateRule(Configurable):
    """Arguments of an optimizer, from which `build` makes it.

    The training loop sets the rate of every parameter group to ``learning_rate`` times the schedule's factor before
    each update. Weight decay acts on matrices and filters; biases, gains and other vectors are exempt (catalogue 113).

    Attributes:
        learning_rate: the base rate, epsilon.
        weight_decay: strength of the decay, lambda; 0 is none.
    """

    kind: ClassVar[str] = "optimizer"
    package: ClassVar[str] = "gatefield.training.optimizers"
    learning_rate: float
    weight_decay: float

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        """A fresh optimizer of the trainable parameters of ``model``.

        Raises:
            ArgumentError: nothing in the model is trainable.
        """
        raise NotImplementedError

    def groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """The trainable parameters, those with decay apart from those without; no group is empty."""
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not trainable:
            raise ArgumentError(
                f"{type(model).__name__} has no trainable parameter", hint="unfreeze a layer, or do not train it"
            )
        if not self.weight_decay:
            return [{"params": trainable, "weight_decay": 0.0}]  # one group is one call of a fused optimizer
        decayed = [parameter for parameter in trainable if parameter.ndim > 1]
        exempt = [parameter for parameter in trainable if parameter.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": self.weight_decay},
            {"params": exempt, "weight_decay": 0.0},
        ]
        return [group for group in groups if group["params"]]


def fused(model: nn.Module) -> bool:
    """Whether torch has the optimizer as one kernel where the parameters live; measured faster on both devices."""
    return all(parameter.device.type in ("cpu", "cuda") for parameter in model.parameters())
