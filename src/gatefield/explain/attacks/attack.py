"""The contract of an attack."""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from ...core.configurable import Configurable
from ...core.errors import ArgumentError, InputError
from ...core.seeding import generator
from .victim import Victim


class Attack(Configurable):
    """Changes raw inputs, pixels or samples of a sound, so that a network's answer changes.

    Budgets are in the units of the raw inputs: 8 means 8 of 255 grey levels, whatever the network's preparation does.
    Where rows have lengths of their own, nothing behind the end of a row ever changes.

    Class attributes:
        targeted: it can be told which class the network shall answer.
        budget: the argument that says how much it may change; empty of those that look for the smallest change.
        random: what mere chance does to inputs in its place, in words.
        by_loss: it needs no more of a network than the gradient of a loss: what the outputs are is all one to it.
    """

    kind: ClassVar[str] = "attack"
    package: ClassVar[str] = "gatefield.explain.attacks"
    targeted: ClassVar[bool] = False
    budget: ClassVar[str] = ""
    random: ClassVar[str] = "random noise as long"
    by_loss: ClassVar[bool] = False

    def __call__(self, victim: Victim, raw: Tensor, labels: Tensor, target: int | Tensor | None = None) -> Tensor:
        """The changed inputs, float32, within the victim's bounds.

        Args:
            victim: the network and what belongs to it.
            raw: (rows, ...), uint8 or float, within the bounds.
            labels: the true classes (rows,), away from which the answer shall move.
            target: the class, or one for each row, that the network shall answer; None: any wrong one.

        Raises:
            ArgumentError: a target where the attack knows none, or classes that do not fit.
            InputError: values out of bounds, or a network without true gradients.
        """
        x = _within(victim, raw)
        labels = victim.checked(labels, x, "labels")
        if target is None:
            return self._perturbed(victim, x, labels, None)
        if not self.targeted:
            message = f"the attack '{self.name}' cannot be told what the network shall answer"
            raise ArgumentError(message, hint="leave the target out, or choose minimum-norm or pgd", path=("target",))
        return self._perturbed(victim, x, labels, victim.checked(target, x, "target"))

    def with_budget(self, budget: float) -> Self:
        """The same attack with another ``budget``.

        Raises:
            ArgumentError: it has none.
        """
        if not self.budget:
            message = f"the attack '{self.name}' looks for the smallest change: it has no budget"
            raise ArgumentError(message, hint="choose fgsm or pgd", path=("attack",))
        return type(self)(**{**self.arguments, self.budget: budget})

    def chance(self, victim: Victim, changed: Tensor, raw: Tensor, seed: int = 0) -> Tensor:
        """``raw`` with random changes of the size of those of ``changed``, row by row: here noise as long."""
        return noise_as_long(victim, changed, raw, seed)

    def _perturbed(self, victim: Victim, x: Tensor, labels: Tensor, target: Tensor | None) -> Tensor:
        raise NotImplementedError


def whole_pixels(changed: Tensor, raw: Tensor) -> Tensor:
    """``changed`` as an image file can hold it: uint8, each change rounded towards none, so that budgets are kept."""
    original = raw.to(torch.float32)
    return (original + (changed - original).trunc()).clamp(0, 255).to(torch.uint8)


def noise_as_long(victim: Victim, changed: Tensor, raw: Tensor, seed: int = 0) -> Tensor:
    """``raw`` with Gaussian noise as long, row by row, as an attack's change; what is clipped at the bounds is lost.

    x + |x' - x|_2 n / |n|_2
    """
    x = raw.to(torch.float32)
    n = victim.inside(torch.randn(x.shape, generator=generator(seed, "noise")).to(x))
    scale = (changed - x).flatten(1).norm(dim=1) / n.flatten(1).norm(dim=1).clamp(min=1e-12)
    return victim.clipped(x + scale.view(-1, *[1] * (x.dim() - 1)) * n)


def _within(victim: Victim, raw: Tensor) -> Tensor:
    low, high = victim.bounds
    x = raw.detach().to(torch.float32, copy=True)
    if x.numel() and not (bool(x.isfinite().all()) and low <= float(x.min()) and float(x.max()) <= high):
        message = f"inputs from {float(x.min()):g} to {float(x.max()):g} leave the bounds [{low:g}, {high:g}]"
        raise InputError(message, hint="give raw inputs, not prepared ones; or set the victim's bounds")
    if not torch.equal(victim.inside(x), x):
        raise InputError("there are values behind the end of a row", hint="fill rows up with zeros")
    return x
