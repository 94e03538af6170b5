"""One long sequence, read side by side in several places: truncated back-propagation through time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.errors import ArgumentError, DataError
from ..core.seeding import generator
from .sequence_set import IGNORED


class StreamBatch(NamedTuple):
    """A `SequenceBatch` that also says which of its rows forget what was read: ``fresh``, bool (rows,), or None."""

    inputs: tuple[Tensor, ...]
    targets: Tensor
    indices: Tensor
    size: int
    share: float
    fresh: Tensor | None


class Streams:
    """A sequence laid out as rows that are read ``steps`` at a time; each symbol's target is the one after it.

    The n - 1 symbols that have one after them are cut into ``batch`` rows of L = ceil((n - 1) / batch) steps:

        inputs[r, t] = ids[r L + t],    targets[r, t] = ids[r L + t + 1]

    Every target is met exactly once an epoch, the tail included: where the last rows reach over the end, they are
    padded with 0 and the targets there are `IGNORED`. The last batch has as many steps as are left. Each batch goes on
    where the one before ended (``carries``): a recurrent model is handed its last state.

    A state that is carried through a whole epoch leaves the initial one behind, and a model that hardly ever meets it
    reads fresh texts badly. Some rows of each batch, a share ``reset_rate`` on average, therefore start from it.

    Args:
        ids: int64 (n,), n from 2.
        batch: how many rows, over all processes.
        steps: how many steps the gradient reaches back.
        reset_rate: chance in [0, 1] that a row of a batch starts anew.
        seed: of these draws, which depend on it, the epoch and the batch alone.
        rank, world: this process and how many there are. A process takes contiguous rows; where none or only padding
            is left for it, it takes what it has with ``share`` 0, so that every process makes every step.

    Raises:
        ArgumentError: an impossible number of rows or steps, or rank.
        DataError: fewer than two symbols.
    """

    carries = True
    unit = "token"

    def __init__(
        self,
        ids: Tensor,
        batch: int,
        steps: int,
        *,
        reset_rate: float = 0.0,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if batch < 1 or steps < 1:
            raise ArgumentError(f"{batch} rows of {steps} steps", hint="give numbers from 1")
        if not 0 <= rank < world:
            raise ArgumentError(f"rank {rank} of {world} processes", hint="ranks count from 0")
        if len(ids) < 2:
            raise DataError(f"a text of {len(ids)} symbols has nothing to predict", hint="give more text")
        if not 0 <= reset_rate <= 1:
            raise ArgumentError(f"a chance of {reset_rate}", hint="give a number in [0, 1]", path=("reset_rate",))
        self.ids, self.batch, self.steps, self.rank, self.world = ids, batch, steps, rank, world
        self.reset_rate, self.seed = reset_rate, seed
        self._length = -(-(len(ids) - 1) // batch)
        whole = batch * self._length
        self._inputs = _padded(ids[:-1], whole, 0).view(batch, -1)
        self._targets = _padded(ids[1:], whole, IGNORED).view(batch, -1)

    def sizes(self, epoch: int) -> list[int]:
        """How many targets count in each batch, in order; the same in every epoch."""
        return [int((targets != IGNORED).sum()) for targets in self._targets.split(self.steps, 1)]

    def epoch(self, epoch: int, start: int = 0) -> Iterator[StreamBatch]:
        """This process's rows of each batch, from batch ``start`` on; ``inputs`` is ``(tokens (rows, steps),)``.

        ``indices`` are the places in ``ids`` where the rows begin.
        """
        first, last = (place * self.batch // self.world for place in (self.rank, self.rank + 1))
        idle = first == last
        rows = slice(0, 1) if idle else slice(first, last)
        begins = torch.arange(self.batch)[rows] * self._length
        for time in range(start * self.steps, self._length, self.steps):
            inputs, whole = self._inputs[rows, time : time + self.steps], self._targets[:, time : time + self.steps]
            size, targets = int((whole != IGNORED).sum()), whole[rows]
            count = 0 if idle else int((targets != IGNORED).sum())
            if count == 0:  # a mean over nothing is not a number, not even times 0
                targets = targets.clamp(min=0)
            fresh = self._fresh(epoch, time // self.steps)
            fresh = None if fresh is None else fresh[rows]
            yield StreamBatch((inputs.contiguous(),), targets.contiguous(), begins + time, size, count / size, fresh)

    def _fresh(self, epoch: int, number: int) -> Tensor | None:
        """Which rows of batch ``number`` start anew, over all processes."""
        if not self.reset_rate:
            return None
        return torch.rand(self.batch, generator=generator(self.seed, "fresh rows", epoch, number)) < self.reset_rate

    def fingerprint(self) -> int:
        """A checksum that changes when the text changes."""
        return zlib.crc32(self.ids.contiguous().numpy().data)


def _padded(values: Tensor, length: int, value: int) -> Tensor:
    padded = values.new_full((length,), value)
    padded[: len(values)] = values
    return padded
