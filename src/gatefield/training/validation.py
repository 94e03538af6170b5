"""Loss and accuracy on held-out data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch

from ..core.errors import DataError
from .batches import Batches
from .distributed import Processes
from .forward import Forward


@dataclass(frozen=True)
class Scores:
    """Means over all samples, the same in every process; accuracy is in [0, 1], or None: see `Objective.correct`."""

    loss: float
    accuracy: float | None
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
    forward = dataclasses.replace(forward, carries=getattr(batches, "carries", False), carried=None)
    judged = True
    with torch.inference_mode():
        for batch in batches.epoch(0):
            loss, outputs, targets = forward(batch)
            weight = batch.size * batch.share
            if not weight:
                continue
            right = objective.correct(outputs, targets)
            judged = judged and right is not None
            means = [loss, torch.zeros_like(loss) if right is None else right, torch.ones_like(loss)]
            sums += weight * torch.stack([mean.to(sums.dtype) for mean in means])
    model.train(was_training)
    loss_sum, right_sum, count = processes.sum(sums).tolist()
    if not count:
        raise DataError("the validation set is empty", hint="hold out a larger part, or train without validation")
    return Scores(loss_sum / count, right_sum / count if judged else None, round(count))


def _widest(device: torch.device) -> torch.dtype:
    """The widest float that ``device`` has."""
    return torch.float32 if device.type == "mps" else torch.float64
