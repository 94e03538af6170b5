"""Translation by whole pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...core.arguments import NonNegativeInt
from .augmentation import Augmentation
from .windows import windows


class Shift(Augmentation):
    """Shifts every image by whole pixels, down and right by numbers uniform in {-pixels, ..., pixels}.

    Args:
        pixels: the largest shift in either direction.
        fill: the raw value of what comes into view.
    """

    name = "shift"
    reference = "catalogue 90"

    def __init__(self, pixels: NonNegativeInt = 2, fill: float = 0.0) -> None:
        self.pixels, self.fill = pixels, fill

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Shifts (count, 2) down and right."""
        return torch.randint(-self.pixels, self.pixels + 1, (count, 2), generator=generator)

    def apply(self, batch: Tensor, drawn: Tensor) -> Tensor:
        if self.pixels == 0:
            return batch
        corner = self.pixels - drawn.to(batch.device)
        padded = pad(batch, [self.pixels] * 4, value=self.fill)
        return windows(padded, corner[:, 0], corner[:, 1], batch.shape[2], batch.shape[3])
