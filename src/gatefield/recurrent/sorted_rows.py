"""The rows of a batch as the loop wants them: time first, sorted by falling length, padding out of the way."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import InputError

Lengths = Sequence[int] | Tensor


class SortedRows:
    """A batch of sequences of given lengths.

    Sorted by falling length, the rows that still move at step t are the first ``active[t]``; a row that has ended, or
    has no step at all, costs nothing more.

    Args:
        batch, time: sizes of the batch.
        lengths: steps of each row, in [0, time]; None: all have ``time``.
        device: where the batch is.

    Attributes:
        active: rows that move at each step; None: all at every step.
        valid: (time, batch) in sorted order, whether a step belongs to its row; None: all do.
        steps: the positions of those steps in a (time * batch) list; None: all.

    Raises:
        InputError: lengths that are not one whole number in [0, time] for each row.
    """

    def __init__(self, batch: int, time: int, lengths: Lengths | None, device: torch.device) -> None:
        self.active: list[int] | None = None
        self.valid: Tensor | None = None
        self.steps: Tensor | None = None
        self._order: Tensor | None = None
        if lengths is None:
            return
        steps = _checked(lengths, batch, time)
        if bool((steps == time).all()):
            return
        order = steps.argsort(descending=True, stable=True)
        ended = torch.bincount(steps, minlength=time + 1).cumsum(0)
        self.active = (batch - ended[:time]).tolist()
        sizes, times = steps[order].to(device), torch.arange(time, device=device).unsqueeze(1)
        self.valid = times < sizes
        self.steps = self.valid.flatten().nonzero().flatten()
        self._mirror = torch.where(self.valid, sizes - 1 - times, times)
        self._columns = torch.arange(batch, device=device)
        if order.tolist() != list(range(batch)):
            self._order, self._back = order.to(device), order.argsort().to(device)

    def sort(self, values: Tensor) -> Tensor:
        """SortedRows (axis 0) in the loop's order."""
        return values if self._order is None else values.index_select(0, self._order)

    def unsort(self, values: Tensor) -> Tensor:
        """SortedRows (axis 0) back in the batch's order."""
        return values if self._order is None else values.index_select(0, self._back)

    def enter(self, x: Tensor) -> Tensor:
        """(batch, time, ...) as the loop wants it: (time, batch, ...), sorted, with zeros for padding.

        Whatever the padding held, even NaN, then neither reaches a result nor a gradient.
        """
        return self.blank(self.sort(x).transpose(0, 1))

    def leave(self, x: Tensor) -> Tensor:
        """(time, batch, ...) back as (batch, time, ...) in the batch's order, with zeros for padding."""
        return self.unsort(self.blank(x).transpose(0, 1))

    def blank(self, x: Tensor) -> Tensor:
        """(time, batch, ...) with zeros where a row has ended."""
        if self.valid is None:
            return x
        return x.masked_fill(~self.valid.reshape(*self.valid.shape, *(1,) * (x.dim() - 2)), 0)

    def reverse(self, x: Tensor) -> Tensor:
        """(time, batch, ...) with each row backward within its own length; its own inverse."""
        return x.flip(0) if self.valid is None else x[self._mirror, self._columns]


def _checked(lengths: Lengths, batch: int, time: int) -> Tensor:
    hint = f"give {batch} whole numbers in [0, {time}], the steps of each row"
    steps = torch.as_tensor(lengths).cpu() if len(lengths) else torch.zeros(0, dtype=torch.int64)
    if steps.is_floating_point() or steps.is_complex() or steps.dtype == torch.bool:
        raise InputError(f"lengths are {steps.dtype}", hint=hint)
    if steps.shape != (batch,):
        raise InputError(f"lengths have shape {tuple(steps.shape)} for {batch} rows on axis 0 of x", hint=hint)
    for row, length in enumerate(steps.tolist()):
        if not 0 <= length <= time:
            problem = "negative" if length < 0 else f"beyond the {time} steps on axis 1 of x"
            raise InputError(f"the length {length} of row {row} is {problem}", hint=hint)
    return steps.long()
