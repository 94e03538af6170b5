"""The contract of an augmentation: a random change of every image of a batch, each by a draw of its own."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ...core.configurable import Configurable


class Augmentation(Configurable):
    """Changes images at random without changing what they show (catalogue 90).

    All chance is in `draw`, which knows only how many images there are: several processes that share a batch make
    the same draw for the whole batch, and each applies its own rows of it.
    """

    kind: ClassVar[str] = "augmentation"
    package: ClassVar[str] = "gatefield.data.augmentations"

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """The random numbers (count, ...) that change ``count`` images."""
        raise NotImplementedError

    def apply(self, batch: Tensor, drawn: Tensor) -> Tensor:
        """``batch`` (count, channels, height, width), uint8 or float, changed by the numbers ``drawn`` for it.

        The result has the same type and shape; pixels of type uint8 are rounded and stay in [0, 255].
        """
        raise NotImplementedError

    def __call__(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """``batch`` with every image changed by a draw of its own."""
        return self.apply(batch, self.draw(len(batch), generator))


def uniform(count: int, numbers: int, generator: torch.Generator) -> Tensor:
    """Numbers (count, numbers) uniform in [-1, 1)."""
    return torch.rand(count, numbers, generator=generator) * 2 - 1


def restore_type(pixels: Tensor, like: Tensor) -> Tensor:
    """``pixels`` as the type of ``like``: rounded and clipped to [0, 255] for uint8."""
    return pixels.round_().clamp_(0, 255).to(torch.uint8) if like.dtype == torch.uint8 else pixels.to(like.dtype)
