"""A network whose answers are no classes as an attacker sees it: through the loss of what it answers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError, InputError
from ...functional.layer_outputs import evaluating
from ..true_gradients import true_gradients
from .victim import Victim


class LossVictim(Victim):
    """What is attacked where each row has an answer of its own shape: a forecast, a sentence, a film.

    An attack is told the numbers of its rows in place of labels; which answer is right, or wanted, is known to
    ``losses`` alone.

    Args:
        model: the network.
        losses: raw inputs (rows, ...) and the numbers of their rows, int64 (rows,), to the loss of each, (rows,);
            differentiable.
        bounds: the smallest and the largest value of raw inputs.
        there: bool, of the shape of raw inputs: what there is of each row; None: all.

    Raises:
        ArgumentError: bounds in the wrong order.
    """

    def __init__(
        self,
        model: nn.Module,
        losses: Callable[[Tensor, Tensor], Tensor],
        bounds: tuple[float, float] = (-torch.inf, torch.inf),
        there: Tensor | None = None,
    ) -> None:
        super().__init__(model, bounds=bounds)
        self._losses, self._there = losses, there

    def losses(self, raw: Tensor, numbers: Tensor) -> Tensor:
        """The loss of each row, (rows,), without gradients."""
        with evaluating(self.model), torch.no_grad():
            return self._losses(raw, numbers)

    def loss_gradient(self, raw: Tensor, labels: Tensor) -> Tensor:
        """d loss / d raw of the rows whose numbers are ``labels``.

        Raises:
            InputError: the network has no gradient, or one that is not its derivative.
        """
        with evaluating(self.model), true_gradients(self.model):
            variable = raw.detach().clone().requires_grad_()
            total = self._losses(variable, labels).sum()
            if not total.requires_grad:
                raise InputError("the network's outputs have no gradient", hint="attack the network it was packed from")
            return torch.autograd.grad(total, variable)[0]

    def inside(self, values: Tensor) -> Tensor:
        return values if self._there is None else torch.where(self._there, values, torch.zeros_like(values))

    def rows(self, which: Tensor) -> LossVictim:
        there = None if self._there is None else self._there[which.to(self._there.device)]
        return LossVictim(self.model, self._losses, self.bounds, there)

    def row(self, values: Tensor, row: int) -> Tensor:
        """One row of ``values`` up to its end along the first axis."""
        if self._there is None:
            return values[row]
        steps = self._there[row].flatten(1).any(1) if self._there.dim() > 2 else self._there[row]
        return values[row, : int(steps.sum())]

    def checked(self, wanted: int | Tensor, raw: Tensor, name: str) -> Tensor:
        """The numbers of the rows of ``raw``, (rows,).

        Raises:
            ArgumentError: another number of them, or other values than whole numbers.
        """
        return checked_numbers(wanted, raw, name)


def checked_numbers(given: int | Tensor, rows: Tensor, name: str) -> Tensor:
    """``given`` as the numbers of ``rows``, int64, on their device.

    Raises:
        ArgumentError: another number of them, or other values than whole numbers; ``name`` is what they are called.
    """
    numbers = torch.as_tensor(given, device=rows.device)
    if numbers.shape != (len(rows),) or numbers.dtype != torch.int64:
        message = f"{name} of {numbers.dtype} {tuple(numbers.shape)} for {len(rows)} rows".replace("torch.", "")
        raise ArgumentError(message, hint="give the number of each row", path=(name,))
    return numbers
