"""DeepFool."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.arguments import NonNegativeFloat, PositiveInt
from .attack import Attack
from .victim import Victim


class DeepFool(Attack):
    """Steps to the nearest boundary of the network, taken for linear, until the answer changes.

        r_i = |f_l(x_i) - f_k(x_i)| / |w_l|^2 w_l,  w_l = d(f_l - f_k)/dx,  l the class whose boundary is nearest,

    k being the label; x' = clip(x + (1 + overshoot) sum r_i). Rows that are misclassified to begin with stay as they
    are. For exact linear networks and no overshoot it ends on the boundary, at the smallest l2 distance there is.

    Args:
        steps: at most.
        overshoot: how far beyond the boundary, as a share of the way to it.
        candidates: of the classes, those with the highest outputs at x are looked at, the label among them.

    Source: Moosavi-Dezfooli, Fawzi and Frossard (2016), algorithm 2. Departs from the paper: candidates, as in its
    authors' code; changes are clipped to the bounds after each step.
    """

    name = "deep-fool"
    reference = "moosavi2016"

    def __init__(
        self, steps: PositiveInt = 50, overshoot: NonNegativeFloat = 0.02, candidates: PositiveInt = 10
    ) -> None:
        self.steps, self.overshoot, self.candidates = steps, overshoot, candidates

    def _perturbed(self, victim: Victim, x: Tensor, labels: Tensor, target: Tensor | None) -> Tensor:
        if len(x) == 0:
            return x
        sign = -1.0 if getattr(victim.model, "output", "") == "rbf" else 1.0  # distances: the smallest wins
        evidence = (sign * victim.outputs(x)).scatter(1, labels[:, None], -torch.inf)
        others = evidence.topk(max(min(self.candidates, evidence.shape[1]) - 1, 0), dim=1).indices
        changed, total = x, torch.zeros_like(x)
        for _ in range(self.steps):
            rows = (victim.predictions(changed) == labels).nonzero().flatten()
            if len(rows) == 0:
                break
            unfooled = victim.rows(rows)
            total[rows] += self._step(unfooled, changed[rows], labels[rows], others[rows], sign)
            changed = changed.clone()
            changed[rows] = unfooled.clipped(x[rows] + (1 + self.overshoot) * total[rows])
        return changed

    def _step(self, victim: Victim, x: Tensor, labels: Tensor, others: Tensor, sign: float) -> Tensor:
        best, nearest = torch.zeros_like(x), torch.full((len(x),), torch.inf).to(x)
        for column in others.unbind(1):
            difference = torch.empty(0)

            def lead(outputs: Tensor, column: Tensor = column) -> Tensor:
                nonlocal difference
                rival = outputs.gather(1, column[:, None]) - outputs.gather(1, labels[:, None])
                difference = (sign * rival).squeeze(1)
                return difference.sum()

            _, w = victim.gradient(x, lead)
            length = w.flatten(1).norm(dim=1).clamp(min=1e-12)
            # a boundary that is reached but not crossed needs a last, tiny step
            distance = (difference.detach().abs() + 1e-6) / length
            closer = (distance < nearest).view(-1, *[1] * (x.dim() - 1))
            r = w * (distance / length).view(-1, *[1] * (x.dim() - 1))
            best, nearest = torch.where(closer, r, best), torch.minimum(distance, nearest)
        return best
