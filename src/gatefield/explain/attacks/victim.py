"""A network as an attacker sees it: from raw pixels to outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.errors import ArgumentError, InputError
from ...functional.layer_outputs import Inputs, evaluating, run
from ..input_size import told_of_size
from ..true_gradients import true_gradients


class Criterion(Protocol):
    """What the outputs mean; a training objective is one."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss, a scalar."""
        ...

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Class probabilities of the shape of ``outputs``."""
        ...


class Softmax:
    """Cross-entropy of logits."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, targets)

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(-1)


class Victim:
    """What is attacked: the network with the preparation of its inputs inside, in evaluation mode.

    Every pass leaves the network as it was: mode, statistics and gradients of its parameters.

    Args:
        model: outputs (rows, classes).
        prepare: raw inputs (rows, ...) to the network's, one or several; differentiable. By default they are the
            network's.
        criterion: what the outputs mean.
        bounds: the smallest and the largest value of raw inputs: (0, 255) of pixels.

    Raises:
        ArgumentError: bounds in the wrong order.
    """

    def __init__(
        self,
        model: nn.Module,
        prepare: Callable[[Tensor], Inputs] = lambda raw: raw,
        criterion: Criterion | None = None,
        bounds: tuple[float, float] = (0.0, 255.0),
    ) -> None:
        if not bounds[0] < bounds[1]:
            message = f"the bounds {bounds} of the inputs"
            raise ArgumentError(message, hint="give the smallest, then the largest value", path=("bounds",))
        self.model, self.prepare, self.criterion, self.bounds = model, prepare, criterion or Softmax(), bounds

    def outputs(self, raw: Tensor) -> Tensor:
        """The network's outputs for raw inputs, without gradients.

        Raises:
            InputError: inputs of another size than the network takes.
        """
        with evaluating(self.model), told_of_size(self.model, raw), torch.no_grad():
            return run(self.model, self.prepare(raw))

    def probabilities(self, raw: Tensor) -> Tensor:
        """What the network thinks of raw inputs, (rows, classes)."""
        return self.criterion.probabilities(self.outputs(raw))

    def predictions(self, raw: Tensor) -> Tensor:
        """The likeliest class of each row, int64."""
        return self.probabilities(raw).argmax(-1)

    def gradient(self, raw: Tensor, value: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """``value`` of the outputs, a scalar, and its gradient with respect to ``raw``.

        Raises:
            InputError: the network has no gradient, or one that is not its derivative.
        """
        with evaluating(self.model), true_gradients(self.model):
            variable = raw.detach().clone().requires_grad_()
            total = value(run(self.model, self.prepare(variable)))
            if not total.requires_grad:
                raise InputError("the network's outputs have no gradient", hint="attack the network it was packed from")
            return total.detach(), torch.autograd.grad(total, variable)[0]

    def loss_gradient(self, raw: Tensor, labels: Tensor) -> Tensor:
        """d loss / d raw; rows do not know each other, so each row's is its own up to a positive factor."""
        return self.gradient(raw, lambda outputs: self.criterion.loss(outputs, labels))[1]

    def clipped(self, raw: Tensor) -> Tensor:
        """``raw`` within the bounds, with nothing where a row has nothing."""
        return self.inside(raw.clamp(*self.bounds))

    def inside(self, values: Tensor) -> Tensor:
        """``values``, 0 where a row has nothing that could change; here a row is all that its tensor holds."""
        return values

    def rows(self, which: Tensor) -> Victim:
        """The victim as it stands to the rows ``which``, int64; here it knows none."""
        return self

    def row(self, values: Tensor, row: int) -> Tensor:
        """What there is of one row of ``values``, which are of the shape of raw inputs."""
        return values[row]

    def checked(self, wanted: int | Tensor, raw: Tensor, name: str) -> Tensor:
        """What each row of ``raw`` is to be answered, (rows,); here a class.

        Raises:
            ArgumentError: other numbers than classes, or another number of them; ``name`` is what they are called.
        """
        classes = self.rows(torch.arange(len(raw[:1]))).outputs(raw[:1]).shape[-1]
        return checked_classes(wanted, len(raw), classes, raw, name)


def checked_classes(given: int | Tensor, rows: int, classes: int, like: Tensor, name: str) -> Tensor:
    """``given`` as classes (rows,), int64, on the device of ``like``; one for all is repeated.

    Raises:
        ArgumentError: other numbers than classes, or another number of them; ``name`` is what they are called.
    """
    values = torch.as_tensor(given, device=like.device)
    values = values.expand(rows) if values.dim() == 0 else values
    if values.shape != (rows,) or values.is_floating_point() or values.dtype == torch.bool:
        message = f"{name} of {values.dtype} {tuple(values.shape)} for {rows} rows".replace("torch.", "")
        raise ArgumentError(message, hint="give one whole number for each row", path=(name,))
    if rows and not 0 <= int(values.min()) <= int(values.max()) < classes:
        wrong = int(values[(values < 0) | (values >= classes)][0])
        hint = f"give whole numbers from 0 to {classes - 1}"
        raise ArgumentError(f"there is no class {wrong} among {classes}", hint=hint, path=(name,))
    return values.long()
