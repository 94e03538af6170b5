"""Mirror images."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor

from ...core.arguments import Interval
from .augmentation import Augmentation


class Flip(Augmentation):
    """Mirrors every image with a probability.

    Args:
        axis: ``horizontal`` swaps left and right, ``vertical`` top and bottom.
        probability: of each image to be mirrored.
    """

    name = "flip"
    reference = "catalogue 90"

    def __init__(
        self,
        axis: Literal["horizontal", "vertical"] = "horizontal",
        probability: Annotated[float, Interval("[0, 1]")] = 0.5,
    ) -> None:
        self.axis, self.probability = axis, probability

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Whether to mirror (count, 1, 1, 1)."""
        return torch.rand(count, 1, 1, 1, generator=generator) < self.probability

    def apply(self, batch: Tensor, drawn: Tensor) -> Tensor:
        return torch.where(drawn.to(batch.device), batch.flip(3 if self.axis == "horizontal" else 2), batch)
