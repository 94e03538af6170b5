"""Adversarial training: mini-batches of which half is attacked, with the network as it is at that moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from .attack import Attack
from .victim import Victim


class _Batches(Protocol):
    def sizes(self, epoch: int) -> list[int]: ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Any]: ...


@dataclass(frozen=True)
class AdversarialBatch:
    """A mini-batch and, behind it, the same samples attacked; the fields are those of any mini-batch."""

    inputs: Tensor
    targets: Tensor
    indices: Tensor
    size: int
    share: float


class AdversarialBatches:
    """Each mini-batch of ``batches`` with its own attacked copy, so that the mean loss is

        J~ = (1/2) J(x, y) + (1/2) J(x', y).

    A batch is attacked when it is taken, by the weights of that moment; what it is depends on nothing else, so that a
    resumed run is the unbroken one.

    Args:
        batches: mini-batches of prepared inputs.
        victim: the network in training, with preparation and bounds; its mode and statistics stay as they are.
        attack: how.
        restore: the inverse of the victim's preparation: prepared inputs to raw ones.

    Source: Goodfellow, Shlens and Szegedy (2015), section 6, with alpha = 1/2.
    """

    def __init__(
        self,
        batches: _Batches,
        victim: Victim,
        attack: Attack,
        restore: Callable[[Tensor], Tensor] = lambda prepared: prepared,
    ) -> None:
        self.batches, self.victim, self.attack, self.restore = batches, victim, attack, restore

    def sizes(self, epoch: int) -> list[int]:
        """The sizes of the mini-batches: twice those of the clean ones."""
        return [2 * size for size in self.batches.sizes(epoch)]

    def epoch(self, epoch: int, start: int = 0) -> Iterator[AdversarialBatch]:
        """The mini-batches of ``epoch``, from number ``start`` on."""
        for batch in self.batches.epoch(epoch, start):
            raw = self.victim.clipped(self.restore(batch.inputs))
            changed = self.victim.prepare(self.attack(self.victim, raw, batch.targets))
            assert isinstance(changed, Tensor)  # rows without lengths
            both = torch.cat([batch.inputs, changed.to(batch.inputs)])
            targets, indices = batch.targets.repeat(2), batch.indices.repeat(2)
            yield AdversarialBatch(both, targets, indices, 2 * batch.size, batch.share)
