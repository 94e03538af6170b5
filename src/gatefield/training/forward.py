"""One batch through the model to its loss, the same way in training, in validation and when looking for a fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .batches import Batch, Tensors
from .carried import detached, map_tensors, started_anew
from .objective import Objective

#: Weight of the loss of each auxiliary head (Szegedy et al. 2015, section 5).
AUXILIARY_WEIGHT = 0.3


@dataclass
class Forward:
    """Model, objective and how to compute.

    A model with the attribute ``returns_state`` is called as ``model(*inputs, state=...)`` and returns its outputs and
    its state after the last step.

    Attributes:
        model: what is trained.
        objective: gives the loss.
        device: where the model is.
        precision: of the forward pass; below float32 the loss itself is still float32.
        memory_format: of inputs with four dimensions.
        carries: whether the state after a batch is the one before the next.
        carried: that state, cut off from its gradient; None: the model's initial one.
    """

    model: nn.Module
    objective: Objective
    device: torch.device
    precision: torch.dtype = torch.float32
    memory_format: torch.memory_format = torch.contiguous_format
    carries: bool = False
    carried: Any = None

    def __call__(self, batch: Batch) -> tuple[Tensor, Any, Any]:
        """Loss (a scalar), outputs and targets of ``batch``, on the device.

        A model that returns a plain tuple has auxiliary heads: loss = L(outputs) + 0.3 sum of L(head), over the heads.
        """
        targets = map_tensors(self._move, batch.targets)
        inputs, fresh = self.place(batch.inputs), getattr(batch, "fresh", None)
        if self.precision is torch.float32:
            outputs = self._outputs(inputs, fresh)
        else:
            with torch.autocast(self.device.type, self.precision):
                outputs = self._outputs(inputs, fresh)
            outputs = map_tensors(lambda part: part.float() if part.is_floating_point() else part, outputs)
        outputs, *heads = outputs if type(outputs) is tuple else (outputs,)
        loss = self.objective.loss(outputs, targets)
        for head in heads:
            loss = loss + AUXILIARY_WEIGHT * self.objective.loss(head, targets)
        return loss, outputs, targets

    def place(self, inputs: Tensors) -> tuple[Tensor, ...]:
        """``inputs`` as arguments of the model: on the device, in the layout of the filters."""
        given = inputs if isinstance(inputs, tuple) else (inputs,)
        return tuple(self._place(part) for part in given)

    def _place(self, part: Tensor) -> Tensor:
        if part.ndim == 4:
            return part.to(self.device, non_blocking=True, memory_format=self.memory_format)
        return self._move(part)

    def _move(self, part: Tensor) -> Tensor:
        return part.to(self.device, non_blocking=True)

    def _outputs(self, inputs: tuple[Tensor, ...], fresh: Tensor | None) -> Any:
        if not getattr(self.model, "returns_state", False):
            return self.model(*inputs)
        outputs, state = self.model(*inputs, state=self._before(inputs, fresh))
        if self.carries:
            self.carried = detached(state)
        return outputs

    def _before(self, inputs: tuple[Tensor, ...], fresh: Tensor | None) -> Any:
        """The carried state, but the initial one, whose gradient is not cut off, in the rows that start anew."""
        if self.carried is None or fresh is None or not fresh.any():
            return self.carried
        _, initial = self.model(*(part[:, :0] for part in inputs))
        return started_anew(self._move(fresh), initial, self.carried)
