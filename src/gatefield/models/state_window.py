"""Which states of a sequence a read-out sees: those beyond the wash-out, one by one or pooled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..core.errors import InputError
from .reservoir_stack import at_end

CHUNK = 4_000_000
"""Numbers of states that are held at a time."""


class StateWindow(NamedTuple):
    """The states that count.

    Attributes:
        washout: first steps that do not count; of a bidirectional network last ones too.
        pool: one row for a sequence, of the mean of its states or the last; none: a row for every step.
        bidirectional: what is read from the end has a wash-out at the end.
    """

    washout: int
    pool: Literal["none", "mean", "last"]
    bidirectional: bool

    def bounds(self, ends: Tensor) -> tuple[Tensor, Tensor]:
        """The first step of each row beyond the wash-out, and the one after its last."""
        last = ends - self.washout if self.bidirectional else ends
        return torch.full_like(ends, self.washout), last

    def pooled(self, states: Tensor, ends: Tensor, fresh: bool) -> Tensor:
        """One row (batch, width) of ``states`` (batch, time, width); rows that are not ``fresh`` have no wash-out.

        Raises:
            InputError: a row without steps beyond the wash-out.
        """
        first, last = self.bounds(ends) if fresh else (torch.zeros_like(ends), ends)
        count = last - first
        if len(count) and not bool((count > 0).all()):
            row = int(count.argmin())
            hint = "give longer sequences, or a shorter wash-out"
            raise InputError(f"row {row} has {int(ends[row])} steps, none beyond the wash-out", hint=hint)
        if self.pool == "last":
            return at_end(states, last, states.new_zeros(len(states), states.shape[2]))
        counted = between(first, last, slice(0, states.shape[1]))
        return (states * counted[:, :, None]).sum(1) / count[:, None]


def between(first: Tensor, last: Tensor, steps: slice) -> Tensor:
    """Which of ``steps`` lie in each row from its ``first`` to before its ``last``: (batch, steps), bool."""
    place = torch.arange(steps.start, steps.stop, device=first.device)
    return (place >= first[:, None]) & (place < last[:, None])


def blocks(batch: int, time: int, width: int, whole: bool) -> Iterator[tuple[slice, slice]]:
    """Rows and steps to take at a time, so that about `CHUNK` numbers are held; ``whole``: rows with all steps."""
    most = max(1, CHUNK // max(1, time * width))
    span = max(1, time if whole or most > 1 else CHUNK // width)
    for row in range(0, batch, most):
        for begin in range(0, time, span):
            yield slice(row, min(row + most, batch)), slice(begin, min(begin + span, time))
