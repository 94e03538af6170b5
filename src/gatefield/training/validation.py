"""Loss and accuracy on held-out data."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..core.errors import DataError
from .batches import Batches
from .distributed import Processes
from .forward import Forward


@dataclass(frozen=True)
class Scores:
    """Means over all samples, the same in every process; accuracy is in [0, 1]."""

    loss: float
    accuracy: float
    count: int


def validate(forward: Forward, batches: Batches, processes: Processes) -> Scores:
    """Loss and accuracy of the model, in evaluation mode, on ``batches``.

    Raises:
        DataError: there is no sample.
    """
    model, objective = forward.model, forward.objective
    was_training = model.training
    model.eval()
    sums = torch.zeros(3, dtype=_widest(forward.device), device=forward.device)  # loss, right answers, samples
    with torch.inference_mode():
        for batch in batches.epoch(0):
            loss, outputs, targets = forward(batch)
            right = objective.probabilities(outputs).argmax(1).eq(targets).to(sums.dtype).mean()
            weight = batch.size * batch.share
            if weight:
                sums += weight * torch.stack([loss.to(sums.dtype), right, torch.ones_like(right)])
    model.train(was_training)
    loss_sum, right_sum, count = processes.sum(sums).tolist()
    if not count:
        raise DataError("the validation set is empty", hint="hold out a larger part, or train without validation")
    return Scores(loss_sum / count, right_sum / count, round(count))


def _widest(device: torch.device) -> torch.dtype:
    """The widest float that ``device`` has."""
    return torch.float32 if device.type == "mps" else torch.float64
