"""A network over rows of different lengths as an attacker sees it: nothing behind the end of a row changes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...core.errors import ArgumentError
from ...functional.layer_outputs import Inputs
from .victim import Criterion, Victim


class RaggedVictim(Victim):
    """What is attacked where raw inputs are rows (rows, longest) of ``lengths``, filled up with zeros: sounds.

    Args:
        model: outputs (rows, classes).
        prepare: raw inputs and lengths to the network's inputs; differentiable.
        lengths: int64 (rows,), how much of each row there is.
        criterion, bounds: see `Victim`.

    Raises:
        ArgumentError: bounds in the wrong order.
    """

    def __init__(
        self,
        model: nn.Module,
        prepare: Callable[[Tensor, Tensor], Inputs],
        lengths: Tensor,
        criterion: Criterion | None = None,
        bounds: tuple[float, float] = (-1.0, 1.0),
    ) -> None:
        super().__init__(model, lambda raw: prepare(raw, lengths), criterion, bounds)
        self.lengths, self._prepare_rows = lengths, prepare

    def inside(self, values: Tensor) -> Tensor:
        """``values`` (rows, longest), 0 behind the end of each row.

        Raises:
            ArgumentError: another number of rows than of lengths.
        """
        if len(values) != len(self.lengths):
            message = f"{len(values)} rows and {len(self.lengths)} lengths"
            raise ArgumentError(message, hint="take the victim of these rows: victim.rows(which)", path=("raw",))
        there = torch.arange(values.shape[1]) < self.lengths.cpu()[:, None]
        return torch.where(there.to(values.device), values, torch.zeros_like(values))

    def rows(self, which: Tensor) -> RaggedVictim:
        """The victim of the rows ``which`` alone."""
        lengths = self.lengths[which.to(self.lengths.device)]
        return RaggedVictim(self.model, self._prepare_rows, lengths, self.criterion, self.bounds)

    def row(self, values: Tensor, row: int) -> Tensor:
        """One row of ``values`` up to its end."""
        return values[row, : int(self.lengths[row])]
