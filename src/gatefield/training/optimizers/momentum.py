"""Gradient descent with momentum, in the velocity form."""

# pyright: reportPrivateImportUsage=false
# torch's own optimizers use the _foreach functions: one call for a whole list of tensors.

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.arguments import NonNegativeFloat, PositiveFloat, Probability
from ..update_rule import UpdateRule


class Momentum(UpdateRule):
    """Gradient descent with momentum, in the velocity form.

        v <- alpha v - epsilon g        theta <- theta + v

    The rate stands inside the velocity, so a changed rate acts on new gradients only. ``torch.optim.SGD`` keeps it
    outside (theta <- theta - epsilon v) and rescales the whole past; the two agree while the rate is constant.

    Args:
        learning_rate: epsilon.
        momentum: alpha.
        nesterov: take the gradient at theta + alpha v (Algorithm 8.3). The parameters held between updates are
            those points, so that loss and gradient are taken where the model stands.
        weight_decay: lambda, of the penalty lambda/2 |theta|^2.

    Reference: Goodfellow, Bengio & Courville (2016), Algorithms 8.2 and 8.3; catalogue 118.
    """

    name: ClassVar[str] = "momentum"
    reference: ClassVar[str] = "goodfellow2016"

    def __init__(
        self,
        learning_rate: PositiveFloat = 0.01,
        momentum: Probability = 0.9,
        nesterov: bool = False,
        weight_decay: NonNegativeFloat = 0.0,
    ) -> None:
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.momentum, self.nesterov = momentum, nesterov

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        return VelocityDescent(self.groups(model), self.learning_rate, self.momentum, self.nesterov)


class VelocityDescent(torch.optim.Optimizer):
    """The torch optimizer behind `Momentum`; its state is one velocity a parameter."""

    def __init__(self, params: Any, lr: float, momentum: float, nesterov: bool) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters:
                self._update(parameters, group["lr"], group["momentum"], group["nesterov"], group["weight_decay"])
        return loss

    def _update(self, theta: list[Tensor], epsilon: float, alpha: float, nesterov: bool, decay: float) -> None:
        g = [parameter.grad for parameter in theta if parameter.grad is not None]
        v = [self._velocity(parameter) for parameter in theta]
        if decay:
            g = list(torch._foreach_add(g, theta, alpha=decay))
        # v <- alpha v - epsilon g
        torch._foreach_mul_(v, alpha)
        torch._foreach_add_(v, g, alpha=-epsilon)
        if nesterov:
            # From phi = theta + alpha v to the next such point: phi <- phi + alpha v - epsilon g
            torch._foreach_add_(theta, v, alpha=alpha)
            torch._foreach_add_(theta, g, alpha=-epsilon)
        else:
            # theta <- theta + v
            torch._foreach_add_(theta, v)

    def _velocity(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        return state["velocity"]
