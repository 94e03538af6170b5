"""The residual block of two binary 3x3 convolutions."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from ..core.arguments import PositiveInt
from .binary_convolution import BinaryConvolution, BinaryInputs
from .layer import LayerExample
from .residual import ResidualBlock, ShortcutName, shortcut_module


class BinaryBlock(ResidualBlock):
    """A basic block whose 3x3 convolutions are binary; the shortcut stays real.

    Binary-Weight: y = relu(norm(W2 relu(norm(W1 x))) + s(x)), as a basic block.
    XNOR: y = W2 sign(norm(W1 sign(norm(x)))) + s(x): normalization in front of the sign, which is the activation.

    Args:
        in_channels: channels of x.
        out_channels: channels of y, and between the convolutions.
        stride: of the first convolution.
        shortcut: as in `BasicBlock`.
        inputs: of the convolutions: ``real`` for Binary-Weight; ``signs`` or ``scaled-signs`` for XNOR.

    Raises:
        ArgumentError: zero-padding where the block becomes narrower.

    Source: Rastegari, Ordonez, Redmon and Farhadi (2016), figure 3 and section 4.2. Departs from the paper: nowhere;
    it leaves the shortcuts open.
    """

    name = "binary-block"
    reference = "rastegari2016"
    surrogate_gradient = True

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        stride: PositiveInt = 1,
        shortcut: ShortcutName = "projection",
        inputs: BinaryInputs = "scaled-signs",
    ) -> None:
        first = BinaryConvolution(in_channels, out_channels, 3, stride, padding=1, inputs=inputs)
        second = BinaryConvolution(out_channels, out_channels, 3, padding=1, inputs=inputs)
        around = shortcut_module(shortcut, in_channels, out_channels, stride)
        parts = OrderedDict[str, nn.Module]()
        if inputs == "real":
            parts["conv1"], parts["norm1"], parts["activation1"] = first, nn.BatchNorm2d(out_channels), nn.ReLU()
            parts["conv2"], parts["norm2"] = second, nn.BatchNorm2d(out_channels)
            super().__init__(nn.Sequential(parts), around, None)
        else:
            parts["norm1"], parts["conv1"] = nn.BatchNorm2d(in_channels), first
            parts["norm2"], parts["conv2"] = nn.BatchNorm2d(out_channels), second
            super().__init__(nn.Sequential(parts), around, nn.Identity())

    @classmethod
    def examples(cls) -> list[LayerExample]:
        narrow = {"in_channels": 3, "out_channels": 4, "stride": 2}
        return [
            LayerExample(narrow, (3, 5, 6)),
            LayerExample({**narrow, "inputs": "real", "shortcut": "zero-padding"}, (3, 4, 5)),
        ]
