"""The fast gradient sign method."""

from __future__ import annotations

from torch import Tensor

from ...core.arguments import NonNegativeFloat
from .attack import Attack
from .victim import Victim


class FGSM(Attack):
    """x' = clip(x + epsilon sign(dJ/dx)), J the loss; towards a target, x' = clip(x - epsilon sign(dJ_target/dx)).

    Args:
        epsilon: the largest change of a pixel.

    Source: Goodfellow, Shlens and Szegedy (2015), section 4 (catalogue 101); targeted: Kurakin, Goodfellow and Bengio
    (2017), section 2.3. Departs from the papers: nowhere.
    """

    name = "fgsm"
    reference = "goodfellow2015, kurakin2017"
    targeted = True
    budget = "epsilon"
    by_loss = True

    def __init__(self, epsilon: NonNegativeFloat = 8.0) -> None:
        self.epsilon = epsilon

    def _perturbed(self, victim: Victim, x: Tensor, labels: Tensor, target: Tensor | None) -> Tensor:
        wanted = labels if target is None else target
        step = self.epsilon if target is None else -self.epsilon
        return victim.clipped(x + step * victim.loss_gradient(x, wanted).sign())
