"""Mean squared error of linear units."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from ..batches import IGNORED
from ..objective import Objective


class MeanSquaredError(Objective):
    """Mean squared error of linear units against one-hot targets t: (1/2N) sum_n |t_n - y_n|^2.

    Targets that are real numbers, of the shape of the outputs, are t themselves; a step whose first target is `IGNORED`
    does not count.

    Its minimum is y = E[t | x], for classes their probabilities; a trained net misses the simplex by a little, so
    `probabilities` gives the nearest point of it, which keeps the order of the classes (Duchi et al. 2008, figure 1).

    Reference: catalogue 108, 109 (linear / Gaussian).
    """

    name: ClassVar[str] = "mean-squared-error"
    unit: ClassVar[str] = "linear"
    reference: ClassVar[str] = "catalogue 108"

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if targets.is_floating_point():
            counts = targets[..., 0] != IGNORED
            squares = (targets - outputs).square().sum(-1).masked_fill(~counts, 0)
            return squares.sum() / (2 * counts.sum().clamp(min=1))
        t = functional.one_hot(targets, outputs.shape[1]).to(outputs)
        return (t - outputs).square().sum() / (2 * len(outputs))

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """None where targets are real numbers."""
        return None if targets.is_floating_point() else super().correct(outputs, targets)

    def probabilities(self, outputs: Tensor) -> Tensor:
        # p = max(y - tau, 0), where tau makes p sum to one: tau = (sum of the k largest y - 1) / k for the largest k
        # whose k-th largest y exceeds it.
        largest = outputs.sort(dim=1, descending=True).values
        k = torch.arange(1, outputs.shape[1] + 1, device=outputs.device)
        tau = (largest.cumsum(1) - 1) / k
        support = (largest > tau).sum(1, keepdim=True)
        return (outputs - tau.gather(1, support - 1)).clamp(min=0)
