"""The likelihood of the targets, as the output layer of a network computes it."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from ...functional.target_likelihood import TargetLikelihood
from ..batches import IGNORED
from ..objective import Objective


class Likelihood(Objective):
    """Negative log-likelihood: -(1/N) sum_n log p(t_n), for output layers with a cheaper way to it than a softmax.

    Outputs are a `TargetLikelihood` in training. In evaluation they are logits or log-probabilities of every class, and
    the loss is their cross-entropy: it is exact whatever is done in training.

    Reference: catalogue 108, 109.
    """

    name: ClassVar[str] = "likelihood"
    unit: ClassVar[str] = "likelihood"
    reference: ClassVar[str] = "catalogue 108"

    def loss(self, outputs: TargetLikelihood | Tensor, targets: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        t = targets.flatten()
        if isinstance(outputs, Tensor):
            return functional.cross_entropy(outputs.flatten(0, -2), t, ignore_index=IGNORED)
        counts = t != IGNORED
        return -outputs.log_p(outputs.h.flatten(0, -2)[counts], t[counts]).mean()

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(-1)

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        counts = targets != IGNORED
        return (outputs.argmax(-1) == targets)[counts].float().mean()
