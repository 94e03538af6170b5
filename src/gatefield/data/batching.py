"""Batches of prepared images: the order, the augmentation and each process's part depend on seed and place only."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from ..core.seeding import generator
from .augmentations.augmentation import Augmentation
from .preparation import MemoryFormat, Preparation
from .reader import LabelledImages
from .streamed_images import ImageFiles

_READ_AHEAD = 4


class Batch(NamedTuple):
    """This process's part of one batch.

    ``inputs`` are float32 (count, *shape), ``targets`` int64 (count,), ``indices`` the images' places in the data
    set, ``size`` the size of the whole batch over all processes, and ``share`` = count / size this process's part of
    it. Summed over processes, ``share * mean loss`` is the mean loss of the whole batch.
    """

    inputs: Tensor
    targets: Tensor
    indices: Tensor
    size: int
    share: float


class Batches:
    """The batches of a data set, epoch by epoch.

    The order of epoch ``e`` is a permutation drawn from ``(seed, "order", e)``, the augmentation of its step ``t``
    from ``(seed, "augment", e, t)`` for the whole batch: an epoch can be entered anywhere, and any number of
    processes sees the same pixels.

    Args:
        images: the data set.
        batch_size: images a batch over all processes, or ``"all"`` for one batch an epoch. The last may be smaller.
        seed: of order and augmentation.
        shuffle: whether each epoch has an order of its own; otherwise the data set's.
        augmentations: applied in turn to the raw batch.
        preparation: makes the network's input.
        device: where the input goes.
        memory_format: ``channels_last`` is what convolutions are fastest on.
        rank, world: this process and how many there are. A process takes a contiguous nearly equal part; one that
            would get nothing takes one image with ``share`` 0, so that every process makes every step.

    Raises:
        ArgumentError: an impossible batch size or rank, or augmentations of plain vectors.
    """

    def __init__(
        self,
        images: LabelledImages,
        batch_size: int | Literal["all"],
        *,
        seed: int,
        shuffle: bool,
        augmentations: Sequence[Augmentation] = (),
        preparation: Preparation,
        device: torch.device | str = "cpu",
        memory_format: MemoryFormat = "channels_last",
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not isinstance(batch_size, str) and batch_size < 1:
            raise ArgumentError(f"a batch of {batch_size} images", hint="give a number from 1, or 'all'")
        if not 0 <= rank < world:
            raise ArgumentError(f"rank {rank} of {world} processes", hint="ranks count from 0")
        if augmentations and len(images.shape) != 3:
            raise ArgumentError("augmentations change images, these are plain vectors", hint="leave augmentations out")
        self.images = images
        self.batch_size: int = max(len(images), 1) if isinstance(batch_size, str) else batch_size
        self.seed, self.shuffle, self.augmentations = seed, shuffle, augmentations
        self.preparation, self.device = preparation, torch.device(device)
        self.memory_format: MemoryFormat = memory_format
        self.rank, self.world = rank, world

    def sizes(self, epoch: int) -> list[int]:
        """The sizes of the whole batches of an epoch, in order."""
        count = len(self.images)
        return [min(self.batch_size, count - first) for first in range(0, count, self.batch_size)]

    def epoch(self, epoch: int, start: int = 0) -> Generator[Batch, None, None]:
        """This process's part of each batch of an epoch, from batch ``start`` on; what is skipped is not read.

        Raises:
            DataError: at the batch that holds it, an image that vanished or is damaged.
        """
        order = self._order(epoch)[start:]
        parts = [self._part(len(indices)) for indices in order]
        mine = [indices[part] for indices, part in zip(order, parts)]
        labels, on_cpu = self.images.labels, self.device.type == "cpu"
        with contextlib.closing(self._read(mine)) as raw_batches:
            for step, (whole, part, indices, raw) in enumerate(zip(order, parts, mine, raw_batches), start):
                if self.augmentations:
                    random = generator(self.seed, "augment", epoch, step)
                    for augmentation in self.augmentations:
                        raw = augmentation.apply(raw, augmentation.draw(len(whole), random)[part])
                inputs = self.preparation(raw, self.device, self.memory_format)
                targets = labels.index_select(0, indices)
                if not on_cpu:
                    targets = targets.to(self.device, non_blocking=True)
                size = len(whole)
                yield Batch(inputs, targets, indices, size, self._count(size) / size)

    def _order(self, epoch: int) -> Sequence[Tensor]:
        count = len(self.images)
        if count == 0:
            return ()
        if self.shuffle:
            order = torch.randperm(count, generator=generator(self.seed, "order", epoch))
        else:
            order = torch.arange(count)
        return order.split(self.batch_size)

    def _count(self, size: int) -> int:
        return (self.rank + 1) * size // self.world - self.rank * size // self.world

    def _part(self, size: int) -> slice:
        """This process's rows of a batch of ``size``; the first row where it has none of its own."""
        if self._count(size) == 0:
            return slice(0, 1)
        first = self.rank * size // self.world
        return slice(first, first + self._count(size))

    def _read(self, wanted: Sequence[Tensor]) -> Generator[Tensor, None, None]:
        """The raw batches; files are decoded a few batches ahead of the training step, memory is simply indexed."""
        if not isinstance(self.images, ImageFiles):
            for indices in wanted:
                yield self.images.batch(indices)
            return
        ahead: deque[Future[Tensor]] = deque()
        reader = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        try:
            for indices in wanted:
                ahead.append(reader.submit(self.images.batch, indices))
                if len(ahead) > _READ_AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            reader.shutdown(cancel_futures=True)
