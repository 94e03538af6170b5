"""Projected gradient descent."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ...core.arguments import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from ...core.seeding import generator
from .attack import Attack
from .victim import Victim

Norm = Literal["l-inf", "l2"]


class PGD(Attack):
    """Iterative steps up the loss, each projected on the ball of radius epsilon around x and on the bounds:

        x_(t+1) = clip(x + P(x_t + a s(dJ/dx_t) - x))

    with s(g) = sign(g) and P a clamp to [-epsilon, epsilon] for ``l-inf``; s(g) = g / |g|_2 and P a scaling to length
    epsilon of what is longer, for ``l2``. Towards a target it goes down the target's loss. One step of size epsilon
    from x itself is FGSM; several without a random start are the basic iterative method.

    Args:
        epsilon: the radius, in raw units: of one pixel for ``l-inf``, of the whole input for ``l2``.
        norm: which ball.
        steps: how many.
        step: a as a share of epsilon; by default 2.5 / steps.
        random_start: begin at a random point of the ball instead of at x.
        seed: of that point.

    Source: Madry, Makelov, Schmidt, Tsipras and Vladu (2018), section 2.1. Departs from the paper: with ``l2`` the
    random start is uniform in direction and in radius.
    """

    name = "pgd"
    reference = "madry2018"
    targeted = True
    budget = "epsilon"
    by_loss = True

    def __init__(
        self,
        epsilon: NonNegativeFloat = 8.0,
        norm: Norm = "l-inf",
        steps: PositiveInt = 10,
        step: PositiveFloat | None = None,
        random_start: bool = True,
        seed: NonNegativeInt = 0,
    ) -> None:
        self.epsilon, self.norm, self.steps, self.random_start, self.seed = epsilon, norm, steps, random_start, seed
        self.step = 2.5 / steps if step is None else step

    def _perturbed(self, victim: Victim, x: Tensor, labels: Tensor, target: Tensor | None) -> Tensor:
        if self.epsilon == 0:
            return x
        wanted, sign = (labels, 1.0) if target is None else (target, -1.0)
        a = sign * self.step * self.epsilon
        changed = victim.clipped(x + self._start(victim, x)) if self.random_start else x
        for _ in range(self.steps):
            gradient = victim.loss_gradient(changed, wanted)
            r = self._projected(changed + a * self._direction(gradient) - x)
            changed = victim.clipped(x + r)
        return changed

    def _direction(self, gradient: Tensor) -> Tensor:
        if self.norm == "l-inf":
            return gradient.sign()
        # The largest entry first: the squares of a small gradient would underflow.
        scaled = gradient / _per_row(gradient.abs().flatten(1).amax(1), gradient).clamp(min=1e-38)
        return scaled / _per_row(scaled.flatten(1).norm(dim=1), gradient).clamp(min=1e-12)

    def _projected(self, r: Tensor) -> Tensor:
        if self.norm == "l-inf":
            return r.clamp(-self.epsilon, self.epsilon)
        length = _per_row(r.flatten(1).norm(dim=1), r)
        return r * (self.epsilon / length.clamp(min=1e-12)).clamp(max=1)

    def _start(self, victim: Victim, x: Tensor) -> Tensor:
        random = generator(self.seed, "pgd")
        if self.norm == "l-inf":
            return self.epsilon * (2 * torch.rand(x.shape, generator=random) - 1).to(x)
        direction = victim.inside(torch.randn(x.shape, generator=random).to(x))
        radius = self.epsilon * torch.rand(len(x), generator=random).to(x)
        return direction * _per_row(radius / direction.flatten(1).norm(dim=1).clamp(min=1e-12), x)


def _per_row(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.dim() - 1))
