"""Cross-entropy of a softmax."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from ...core.arguments import Probability
from ..batches import IGNORED
from ..objective import Objective


class CrossEntropy(Objective):
    """Cross-entropy of a softmax: -(1/N) sum_n sum_k t_nk log softmax(z_n)_k.

    Args:
        label_smoothing: s; the target t is (1 - s) one-hot + s / classes.

    Reference: catalogue 108, 109 (softmax / multinoulli).
    """

    name: ClassVar[str] = "cross-entropy"
    unit: ClassVar[str] = "softmax"
    reference: ClassVar[str] = "catalogue 108"

    def __init__(self, label_smoothing: Probability = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        z, t = outputs.flatten(0, -2), targets.flatten()
        return functional.cross_entropy(z, t, ignore_index=IGNORED, label_smoothing=self.label_smoothing)

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(-1)
