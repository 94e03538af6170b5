"""The loss of a right answer that falls out of the beam."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.arguments import Probability
from ...functional.search_margins import SearchMargins
from ..batches import IGNORED
from ..objective import Objective
from .cross_entropy import CrossEntropy


class BeamViolations(Objective):
    """Violations of the margin by which the right prefix must stay on the beam, a symbol.

        L = 1/N sum_t Delta_t max(0, 1 - f(y_t, h_(t-1)) + f(y'_t, h'_(t-1))),   N: targets that count

    f is the score of a prefix, y' the rival that the search found. Outputs are `SearchMargins`; where they are logits,
    as in the epochs before the search takes part, the loss is their cross-entropy.

    Args:
        label_smoothing: share of the target that is spread over all classes, of the cross-entropy.

    Reference: Wiseman and Rush (2016), section 4.1.
    """

    name: ClassVar[str] = "beam-violations"
    unit: ClassVar[str] = "beam"
    reference: ClassVar[str] = "wiseman2016, catalogue 182"

    def __init__(self, label_smoothing: Probability = 0.0) -> None:
        self._likelihood = CrossEntropy(label_smoothing)

    def loss(self, outputs: Tensor | SearchMargins, targets: Tensor) -> Tensor:
        if not isinstance(outputs, SearchMargins):
            return self._likelihood.loss(outputs, targets)
        violations = F.relu(1 - outputs.gold + outputs.rival)
        return (outputs.cost * violations).sum() / (targets != IGNORED).sum().clamp(min=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        return self._likelihood.probabilities(outputs)

    def correct(self, outputs: Tensor | SearchMargins, targets: Tensor) -> Tensor | None:
        """The share of right prefixes that are ahead of their rivals."""
        if not isinstance(outputs, SearchMargins):
            return self._likelihood.correct(outputs, targets)
        return (outputs.gold > outputs.rival)[targets != IGNORED].to(torch.float32).mean()
