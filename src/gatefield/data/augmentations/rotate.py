"""Rotation about the center."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from ...core.arguments import Interval
from .augmentation import Augmentation, restore_type, uniform


class Rotate(Augmentation):
    """Turns every image about its center by an angle uniform in [-degrees, degrees), bilinear.

    A positive angle turns counterclockwise as seen. With (u, v) = pixel coordinates from the center, right and down,
    the output at (u, v) is the input at::

        (cos a u - sin a v,  sin a u + cos a v)

    Args:
        degrees: the largest angle.
        fill: the raw value of what comes into view.
    """

    name = "rotate"
    reference = "catalogue 90"

    def __init__(self, degrees: Annotated[float, Interval("[0, 180]")] = 10.0, fill: float = 0.0) -> None:
        self.degrees, self.fill = degrees, fill

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Angles (count, 1) in degrees."""
        return uniform(count, 1, generator) * self.degrees

    def apply(self, batch: Tensor, drawn: Tensor) -> Tensor:
        if self.degrees == 0 or len(batch) == 0:
            return batch
        pixels = batch.float() if batch.dtype == torch.uint8 else batch
        height, width = batch.shape[2:]
        angle = drawn[:, 0].to(batch.device, torch.float64) * (math.pi / 180)
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        # affine_grid measures in half widths and half heights, hence the aspect
        rows = [cos, -sin * (height / width), zero, sin * (width / height), cos, zero]
        grid = affine_grid(torch.stack(rows, 1).view(-1, 2, 3).to(pixels.dtype), list(batch.shape), align_corners=False)
        turned = grid_sample(pixels - self.fill, grid, align_corners=False) + self.fill
        return restore_type(turned, batch)
