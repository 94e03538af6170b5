"""A few places swapped between low and high."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...core.arguments import NonNegativeInt, PositiveInt
from ...core.errors import ArgumentError
from ...core.seeding import generator
from .attack import Attack
from .victim import Victim


class Flip(Attack):
    """Swaps low and high, x'_i = low + high - x_i, at the places where that raises the loss J most by its first-order
    estimate,

        J(x with x'_i at i) - J(x) = (x'_i - x_i) dJ/dx_i,

    a few a time, until nothing raises the loss or the budget is spent; each place at most once. Of keys that sound or
    do not, 0 and 1, and of black and white pixels nothing is left between the two. Towards a target it lowers the
    target's loss. Of a network that is linear the places are the best there are.

    Args:
        flips: places of each input, at most.
        at_once: places for which one gradient is taken.

    Source: Al-Dujaili, Huang, Hemberg and O'Reilly (2018), the multi-step bit coordinate ascent, on bits. Departs from
    the paper: bits are cleared as well as set; real numbers are mirrored in the middle of their bounds.
    """

    name = "flip"
    reference = "aldujaili2018"
    targeted = True
    budget = "flips"
    random = "as many random flips"
    by_loss = True

    def __init__(self, flips: NonNegativeInt = 10, at_once: PositiveInt = 1) -> None:
        self.flips, self.at_once = flips, at_once

    def _perturbed(self, victim: Victim, x: Tensor, labels: Tensor, target: Tensor | None) -> Tensor:
        low, high = _finite(victim)
        wanted, sign = (labels, 1.0) if target is None else (target, -1.0)
        changed, free = x.clone(), victim.inside(torch.ones_like(x)).bool().flatten(1)
        going = free.any(1).nonzero().flatten()
        for done in range(0, self.flips, self.at_once):
            if not len(going):
                break
            mirrored = low + high - changed[going]
            gradient = sign * victim.rows(going.cpu()).loss_gradient(changed[going], wanted[going])
            rise = (gradient * (mirrored - changed[going])).flatten(1).masked_fill(~free[going], -torch.inf)
            most = min(self.at_once, self.flips - done, rise.shape[1])
            best, places = rise.topk(most, dim=1)
            row, column = (best > 0).nonzero().unbind(1)
            swapped = going[row], places[row, column]
            changed.flatten(1)[swapped] = mirrored.flatten(1)[row, swapped[1]]
            free[swapped] = False
            going = going[best[:, 0] > 0]
        return changed

    def chance(self, victim: Victim, changed: Tensor, raw: Tensor, seed: int = 0) -> Tensor:
        """``raw`` with as many places swapped in each row as ``changed`` has, random ones."""
        low, high = _finite(victim)
        x = raw.to(torch.float32)
        count = (changed != x).flatten(1).sum(1, keepdim=True)
        draw = torch.rand(x.shape, generator=generator(seed, "flips")).to(x) + 1
        order = victim.inside(draw).flatten(1).argsort(dim=1, descending=True, stable=True)
        chosen = torch.zeros_like(order, dtype=torch.bool)
        chosen.scatter_(1, order, torch.arange(order.shape[1], device=x.device) < count)
        return torch.where(chosen.view(x.shape), low + high - x, x)


def _finite(victim: Victim) -> tuple[float, float]:
    if not all(map(math.isfinite, victim.bounds)):
        message = "the attack 'flip' swaps low and high, and these inputs have no bounds"
        raise ArgumentError(message, hint="choose fgsm or pgd", path=("attack",))
    return victim.bounds
