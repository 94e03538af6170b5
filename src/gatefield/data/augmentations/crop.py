"""Random crop of the padded image."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ...core.arguments import NonNegativeInt
from ...core.errors import ArgumentError
from .augmentation import Augmentation
from .windows import windows


class Crop(Augmentation):
    """Pads every image on all sides and cuts a window of the old size out at random.

    Args:
        padding: pixels on each side.
        border: what the padding shows: ``reflect`` mirrors the image about its edge pixels, ``edge`` repeats them.

    Raises:
        ArgumentError: when applied to images that are not larger than a reflected padding.
    """

    name = "crop"
    reference = "catalogue 90"

    def __init__(self, padding: NonNegativeInt = 4, border: Literal["reflect", "edge"] = "reflect") -> None:
        self.padding, self.border = padding, border

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Top left corners (count, 2) of the windows."""
        return torch.randint(0, 2 * self.padding + 1, (count, 2), generator=generator)

    def apply(self, batch: Tensor, drawn: Tensor) -> Tensor:
        if self.padding == 0:
            return batch
        height, width = batch.shape[2:]
        padded = batch.index_select(2, self._places(height, batch.device)).index_select(
            3, self._places(width, batch.device)
        )
        corner = drawn.to(batch.device)
        return windows(padded, corner[:, 0], corner[:, 1], height, width)

    def _places(self, size: int, device: torch.device) -> Tensor:
        """Which of ``size`` pixels each of the padded ones shows."""
        places = torch.arange(-self.padding, size + self.padding, device=device)
        if self.border == "edge":
            return places.clamp(0, size - 1)
        if self.padding >= size:
            raise ArgumentError(
                f"a padding of {self.padding} pixels cannot reflect an image of {size}",
                hint=f"give a padding below {size}, or border: edge",
            )
        return (size - 1) - (places.abs() - (size - 1)).abs()
