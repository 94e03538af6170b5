"""The residual block that computes its 3x3 convolution between narrower 1x1 convolutions."""

from __future__ import annotations

from typing import Literal

from torch import nn

from ..core.arguments import PositiveInt
from ..core.errors import ArgumentError
from .layer import LayerExample
from .pointwise_convolution import PointwiseConvolution
from .residual import ActivationOrder, ResidualBlock, ShortcutName, residual_chain, shortcut_module


class BottleneckBlock(ResidualBlock):
    """y = relu(W3 * relu(W2 * relu(W1 * x)) + s(x)): convolutions of 1x1, 3x3 and 1x1, each with batch normalization.

    256 channels with a width of 64 have 256 64 + 9 64 64 + 64 256 = 69,632 weights (catalogue 23).

    Args:
        in_channels: channels of x.
        width: channels between the convolutions.
        out_channels: channels of y; four times the width in the paper.
        stride: of the convolution that ``stride_at`` says.
        groups: of the 3x3 convolution.
        shortcut: as in `BasicBlock`.
        order: as in `BasicBlock`.
        stride_at: ``1x1`` is the paper's; the ``3x3`` of most implementations since reads every input cell.

    Raises:
        ArgumentError: ``groups`` does not divide ``width``, or zero-padding where the block becomes narrower.

    Source: He, Zhang, Ren and Sun (2016), figure 5 right; pre-activation: the same authors (2016), "Identity Mappings
    in Deep Residual Networks", figure 4e. Departs from the paper: in the default of ``stride_at``.
    """

    name = "bottleneck-block"
    reference = "he2016"

    def __init__(
        self,
        in_channels: PositiveInt,
        width: PositiveInt,
        out_channels: PositiveInt,
        stride: PositiveInt = 1,
        groups: PositiveInt = 1,
        shortcut: ShortcutName = "projection",
        order: ActivationOrder = "post-activation",
        stride_at: Literal["1x1", "3x3"] = "3x3",
    ) -> None:
        if width % groups:
            hint = f"choose a width that is a multiple of {groups}"
            raise ArgumentError(f"{groups} groups do not divide a width of {width}", hint=hint, path=("groups",))
        first, second = (stride, 1) if stride_at == "1x1" else (1, stride)
        convolutions = [
            PointwiseConvolution(in_channels, width, first),
            nn.Conv2d(width, width, 3, second, padding=1, groups=groups, bias=False),
            PointwiseConvolution(width, out_channels),
        ]
        residual, preactivation = residual_chain(convolutions, order)
        around = shortcut_module(shortcut, in_channels, out_channels, stride, order)
        super().__init__(residual, around, preactivation)

    @classmethod
    def examples(cls) -> list[LayerExample]:
        strided = {"in_channels": 2, "width": 4, "out_channels": 6, "stride": 2}
        return [
            LayerExample(strided, (2, 5, 6)),
            LayerExample({"in_channels": 4, "width": 2, "out_channels": 4, "order": "pre-activation"}, (4, 3, 3)),
            LayerExample({**strided, "groups": 2, "stride_at": "1x1", "shortcut": "zero-padding"}, (2, 4, 5)),
            LayerExample({**strided, "shortcut": "none"}, (2, 4, 4)),
        ]
