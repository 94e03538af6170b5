"""One batch through the model to its loss, the same way in training, in validation and when looking for a fault."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .batches import Batch
from .objective import Objective

#: Weight of the loss of each auxiliary head (Szegedy et al. 2015, section 5).
AUXILIARY_WEIGHT = 0.3


@dataclass
class Forward:
    """Model, objective and how to compute.

    Attributes:
        model: in training the wrapped one, whose backward pass averages over processes.
        objective: gives the loss.
        device: where the model is.
        precision: of the forward pass; below float32 the loss itself is still float32.
        memory_format: of inputs with four dimensions.
    """

    model: nn.Module
    objective: Objective
    device: torch.device
    precision: torch.dtype = torch.float32
    memory_format: torch.memory_format = torch.contiguous_format

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Loss (a scalar), outputs and targets of ``batch``, on the device.

        A model that returns a tuple has auxiliary heads: loss = L(outputs) + 0.3 sum of L(head), over the heads.
        """
        targets = batch.targets.to(self.device, non_blocking=True)
        inputs = self.place(batch.inputs)
        if self.precision is torch.float32:
            outputs = self.model(inputs)
        else:
            with torch.autocast(self.device.type, self.precision):
                outputs = self.model(inputs)
        judged = outputs if isinstance(outputs, tuple) else (outputs,)
        if self.precision is not torch.float32:
            judged = [logits.float() for logits in judged]
        outputs, *heads = judged
        loss = self.objective.loss(outputs, targets)
        for head in heads:
            loss = loss + AUXILIARY_WEIGHT * self.objective.loss(head, targets)
        return loss, outputs, targets

    def place(self, inputs: Tensor) -> Tensor:
        """``inputs`` on the device, in the layout of the filters."""
        if inputs.ndim == 4:
            return inputs.to(self.device, non_blocking=True, memory_format=self.memory_format)
        return inputs.to(self.device, non_blocking=True)
