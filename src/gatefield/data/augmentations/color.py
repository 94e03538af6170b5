"""Brightness, contrast and saturation."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.arguments import Probability
from ...core.errors import ArgumentError
from .augmentation import Augmentation, restore_type, uniform


class Color(Augmentation):
    """Changes brightness, contrast and saturation of every image, in that order.

    With u uniform in [-1, 1), drawn anew for each of the three, m the image's mean grey and g the pixel's grey
    (0.299 R + 0.587 G + 0.114 B)::

        x <- (1 + brightness u) x
        x <- m + (1 + contrast u) (x - m)
        x <- g + (1 + saturation u) (x - g)

    Args:
        brightness, contrast, saturation: the strength of each; 0 leaves it out.

    Raises:
        ArgumentError: when a saturation is applied to images that are not red, green, blue.
    """

    name = "color"
    reference = "catalogue 90"

    def __init__(
        self, brightness: Probability = 0.2, contrast: Probability = 0.2, saturation: Probability = 0.0
    ) -> None:
        self.brightness, self.contrast, self.saturation = brightness, contrast, saturation

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """The numbers u (count, 3)."""
        return uniform(count, 3, generator)

    def apply(self, batch: Tensor, drawn: Tensor) -> Tensor:
        if self.saturation and batch.shape[1] != 3:
            raise ArgumentError(
                f"images of {batch.shape[1]} channels have no saturation", hint="leave saturation at 0 for grey images"
            )
        if not (self.brightness or self.contrast or self.saturation):
            return batch
        x = batch.float() if batch.dtype == torch.uint8 else batch
        u = drawn.to(x.device, x.dtype).view(-1, 3, 1, 1, 1).unbind(1)
        if self.brightness:
            x = (1 + self.brightness * u[0]) * x
        if self.contrast:
            m = _grey(x).mean((2, 3), keepdim=True)
            x = m + (1 + self.contrast * u[1]) * (x - m)
        if self.saturation:
            g = _grey(x)
            x = g + (1 + self.saturation * u[2]) * (x - g)
        return restore_type(x, batch)


def _grey(x: Tensor) -> Tensor:
    """The luma of ITU-R BT.601 of three channels; the mean of any other number of channels."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype, device=x.device).view(3, 1, 1)
    return (x * weights).sum(1, keepdim=True)
