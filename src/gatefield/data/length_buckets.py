"""Batches of sequences of similar length, so that little is padded."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from ..core.seeding import generator
from .sequence_set import SequenceBatch, Sequences

#: How many batches are drawn together before they are sorted by length: more pads less, fewer mixes better.
POOL = 64


class LengthBuckets:
    """The batches of a data set of sequences, epoch by epoch.

    The items of epoch ``e`` are put in an order drawn from ``(seed, "order", e)`` and cut into pools of `POOL` batches;
    each pool is sorted by length and cut into batches, and the batches of all pools are put in an order drawn from
    ``(seed, "batches", e)``. Without ``shuffle`` the whole set is one pool, sorted by length: what a batch holds, its
    ``indices`` say.

    Args:
        sequences: the data set.
        batch_size: how much a batch holds over all processes, or ``"all"`` for one batch an epoch.
        counted_in: what ``batch_size`` counts: items, or tokens, padding included (count times the longest). An item
            longer than ``batch_size`` tokens is a batch of its own.
        seed: of the order.
        shuffle: whether each epoch has an order of its own.
        rank, world: this process and how many there are. A process takes a contiguous nearly equal part of the items;
            one that would get nothing takes one item with ``share`` 0, so that every process makes every step.

    Raises:
        ArgumentError: an impossible batch size or rank.
    """

    carries = False

    def __init__(
        self,
        sequences: Sequences,
        batch_size: int | Literal["all"],
        *,
        counted_in: Literal["items", "tokens"] = "items",
        seed: int,
        shuffle: bool,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not isinstance(batch_size, str) and batch_size < 1:
            raise ArgumentError(f"a batch of {batch_size} {counted_in}", hint="give a number from 1, or 'all'")
        if not 0 <= rank < world:
            raise ArgumentError(f"rank {rank} of {world} processes", hint="ranks count from 0")
        self.sequences, self.counted_in = sequences, counted_in
        self.batch_size: int | None = None if isinstance(batch_size, str) else batch_size
        self.seed, self.shuffle, self.rank, self.world = seed, shuffle, rank, world
        self.unit = sequences.unit
        self._plan = functools.lru_cache(2)(self._planned)

    def sizes(self, epoch: int) -> list[int]:
        """How many targets count in each whole batch of an epoch, in order."""
        return [int(self.sequences.counts[indices].sum()) for indices in self._plan(epoch)]

    def epoch(self, epoch: int, start: int = 0) -> Iterator[SequenceBatch]:
        """This process's part of each batch of an epoch, from batch ``start`` on."""
        counts = self.sequences.counts
        for whole in self._plan(epoch)[start:]:
            first, last = (place * len(whole) // self.world for place in (self.rank, self.rank + 1))
            mine = whole[first:last] if last > first else whole[:1]
            size = int(counts[whole].sum())
            share = int(counts[mine].sum()) / size if last > first else 0.0
            inputs, targets = self.sequences.batch(mine)
            yield SequenceBatch(inputs, targets, mine, size, share)

    def fingerprint(self) -> int:
        """A checksum that changes when the data change."""
        return self.sequences.fingerprint()

    def _planned(self, epoch: int) -> list[Tensor]:
        """The items of every batch of ``epoch``."""
        lengths = self.sequences.lengths
        count = len(lengths)
        if not self.shuffle or self.batch_size is None:
            return self._cut(torch.argsort(lengths, stable=True))
        order = torch.randperm(count, generator=generator(self.seed, "order", epoch))
        batches = []
        for pool in order.split(self._pool_size(self.batch_size)):
            batches += self._cut(pool[torch.argsort(lengths[pool], stable=True)])
        places = torch.randperm(len(batches), generator=generator(self.seed, "batches", epoch))
        return [batches[place] for place in places.tolist()]

    def _pool_size(self, batch_size: int) -> int:
        """Items that make about `POOL` batches."""
        if self.counted_in == "items":
            return POOL * batch_size
        mean_length = float(self.sequences.lengths.double().mean()) if len(self.sequences.lengths) else 1.0
        return max(1, round(POOL * batch_size / max(mean_length, 1.0)))

    def _cut(self, order: Tensor) -> list[Tensor]:
        """``order``, ascending in length, in batches."""
        if not len(order):
            return []
        if self.batch_size is None:
            return [order]
        if self.counted_in == "items":
            return list(order.split(self.batch_size))
        sizes, held = [], 0
        for length in self.sequences.lengths[order].tolist():
            if held and (held + 1) * max(length, 1) > self.batch_size:
                sizes.append(held)
                held = 0
            held += 1
        return list(order.split([*sizes, held]))
