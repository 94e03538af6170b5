"""What the training loop sees of the data: batches in an order that depends on the epoch and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor

#: A target that does not count: of padding, for example.
IGNORED = -100

Tensors = Tensor | tuple[Tensor, ...]


class Batch(Protocol):
    """One process's part of one mini-batch.

    Attributes:
        inputs: float (count, ...), this process's samples; or several tensors, the arguments of the model.
        targets: int64 (count,), their classes; or what else the objective takes, `IGNORED` where nothing counts.
        indices: int64 (count,), their places in the data set.
        size: how much the mini-batch's mean loss is a mean over, in all processes: samples, or symbols of sequences.
        share: this process's part of them, ``count / size``; 0 marks a dummy sample that must not count.

    One attribute may be left out. ``fresh`` (None): bool (count,), the rows that start from the model's initial state
    and not from the one that is carried; the inputs are then (count, time, ...).
    """

    @property
    def inputs(self) -> Tensors: ...
    @property
    def targets(self) -> Tensors: ...
    @property
    def indices(self) -> Tensor: ...
    @property
    def size(self) -> int: ...
    @property
    def share(self) -> float: ...


class Batches(Protocol):
    """The mini-batches of every epoch. Order and augmentation are pure functions of (seed, epoch, step).

    Two attributes may be left out. ``carries`` (False): whether each row goes on where that of the mini-batch before
    ended, so that a recurrent model is handed its last state (truncated back-propagation through time). ``unit``
    ("sample"): what ``Batch.size`` counts, for people.
    """

    def sizes(self, epoch: int) -> list[int]:
        """``Batch.size`` of each mini-batch of ``epoch``."""
        ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The mini-batches of ``epoch``, from number ``start`` on."""
        ...
