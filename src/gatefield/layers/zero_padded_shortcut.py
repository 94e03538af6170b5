"""The shortcut without parameters between residual stages of different width."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..core.arguments import PositiveInt
from ..core.errors import ArgumentError
from .layer import Layer, LayerExample


class ZeroPaddedShortcut(Layer):
    """y = every ``stride``-th row and column of x, followed by channels of zeros.

    Args:
        in_channels: channels of x.
        out_channels: channels of y, at least as many.
        stride: rows and columns from one that is kept to the next.

    Raises:
        ArgumentError: fewer channels come out than go in.

    Source: He, Zhang, Ren and Sun (2016), section 3.3, option A. Departs from the paper: nowhere.
    """

    name = "zero-padded-shortcut"
    reference = "he2016"

    def __init__(self, in_channels: PositiveInt, out_channels: PositiveInt, stride: PositiveInt = 1) -> None:
        super().__init__()
        if out_channels < in_channels:
            raise ArgumentError(
                f"{in_channels} channels cannot be padded to {out_channels}",
                hint="choose a projection where a stage becomes narrower",
                path=("out_channels",),
            )
        self.stride, self.padding = stride, out_channels - in_channels

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({"in_channels": 2, "out_channels": 5, "stride": 2}, (2, 5, 6)),
            LayerExample({"in_channels": 3, "out_channels": 3}, (3, 2, 2)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        kept = F.avg_pool2d(x, 1, self.stride)  # windows of one cell
        return F.pad(kept, (0, 0, 0, 0, 0, self.padding))
