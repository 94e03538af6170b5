"""The rectified linear unit and its generalizations."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.arguments import Interval, PositiveInt
from ..core.errors import ArgumentError
from .layer import Layer, LayerExample


class Rectifier(Layer):
    """g(z) = max(0, z) + a min(0, z).

    a = 0 is ReLU; a = -1 absolute-value rectification, g(z) = |z|; a = 0.01 leaky; a learned one the parametric
    rectifier, which starts at 0.25. Lecture deck S1 prints a minus before a, which would make z of |z| (erratum 4).

    Args:
        slope: a, or its first value.
        learned: train a.
        channels: learned slopes, one for each channel of z (batch, channels, ...); 1 shares one among all.

    Raises:
        ArgumentError: several slopes that are not learned.

    Source: Goodfellow, Bengio and Courville (2016), section 6.3.1; parametric: He, Zhang, Ren and Sun (2015),
    equation 1. Departs from the papers: nowhere.
    """

    name = "rectifier"
    reference = "goodfellow2016"
    presets = {  # noqa: RUF012
        "absolute-value-rectifier": {"slope": -1.0},
        "leaky-rectifier": {"slope": 0.01},
        "parametric-rectifier": {"slope": 0.25, "learned": True},
    }

    def __init__(
        self,
        slope: Annotated[float, Interval("[-1, 1]")] = 0.0,
        learned: bool = False,
        channels: PositiveInt = 1,
    ) -> None:
        super().__init__()
        if channels > 1 and not learned:
            message, hint = f"{channels} slopes that are not learned are one", "set learned, or leave channels at 1"
            raise ArgumentError(message, hint=hint, path=("channels",))
        self.slope = slope
        self.weight = nn.Parameter(torch.full((channels,), slope)) if learned else None

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({}, (3, 4)),
            LayerExample({"slope": -0.5}, (2, 3, 4)),
            LayerExample({"slope": 0.25, "learned": True, "channels": 3}, (3, 2, 4)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.slope) if self.weight is None else F.prelu(x, self.weight)
