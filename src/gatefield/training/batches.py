"""What the training loop sees of the data: batches in an order that depends on the epoch and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor


class Batch(Protocol):
    """One process's part of one mini-batch.

    Attributes:
        inputs: float (count, ...), this process's samples.
        targets: int64 (count,), their classes.
        indices: int64 (count,), their places in the data set.
        size: how many samples the mini-batch has over all processes.
        share: this process's part of them, ``count / size``; 0 marks a dummy sample that must not count.
    """

    @property
    def inputs(self) -> Tensor: ...
    @property
    def targets(self) -> Tensor: ...
    @property
    def indices(self) -> Tensor: ...
    @property
    def size(self) -> int: ...
    @property
    def share(self) -> float: ...


class Batches(Protocol):
    """The mini-batches of every epoch. Order and augmentation are pure functions of (seed, epoch, step)."""

    def sizes(self, epoch: int) -> list[int]:
        """``Batch.size`` of each mini-batch of ``epoch``."""
        ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The mini-batches of ``epoch``, from number ``start`` on."""
        ...
