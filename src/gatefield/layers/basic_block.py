"""The residual block of two 3x3 convolutions."""

from __future__ import annotations

from torch import nn

from ..core.arguments import PositiveInt, Probability
from .layer import LayerExample
from .residual import ActivationOrder, ResidualBlock, ShortcutName, residual_chain, shortcut_module


class BasicBlock(ResidualBlock):
    """y = relu(W2 * relu(W1 * x) + s(x)): two 3x3 convolutions, each with batch normalization, and a shortcut.

    In the letters of the decks (catalogue 34): a[l+2] = g(z[l+2] + a[l]).

    Args:
        in_channels: channels of x.
        out_channels: channels of y, and between the convolutions.
        stride: of the first convolution.
        shortcut: s where x and y differ in shape: ``zero-padding`` (option A) or a 1x1 ``projection`` (option B);
            ``projection-everywhere`` (option C) projects also where they agree; ``none`` is the plain twin.
        order: normalization and ReLU after the convolutions, or before them (``pre-activation``).
        dropout: probability of dropping an input of the second convolution, as in wide networks.

    Raises:
        ArgumentError: zero-padding where the block becomes narrower.

    Source: He, Zhang, Ren and Sun (2016), equations 1 and 2 and figure 5 left; pre-activation: the same authors
    (2016), "Identity Mappings in Deep Residual Networks", figure 4e; dropout: Zagoruyko and Komodakis (2016), section
    2.4. Departs from the papers: nowhere.
    """

    name = "basic-block"
    reference = "he2016"

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        stride: PositiveInt = 1,
        shortcut: ShortcutName = "projection",
        order: ActivationOrder = "post-activation",
        dropout: Probability = 0.0,
    ) -> None:
        convolutions = [
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        ]
        residual, preactivation = residual_chain(convolutions, order, dropout)
        around = shortcut_module(shortcut, in_channels, out_channels, stride, order)
        super().__init__(residual, around, preactivation)

    @classmethod
    def examples(cls) -> list[LayerExample]:
        narrow = {"in_channels": 2, "out_channels": 3, "stride": 2}
        return [
            LayerExample(narrow, (2, 5, 6)),
            LayerExample({"in_channels": 2, "out_channels": 2}, (2, 3, 3)),
            LayerExample({**narrow, "shortcut": "zero-padding", "order": "pre-activation"}, (2, 5, 4)),
            LayerExample({**narrow, "order": "pre-activation", "dropout": 0.5}, (2, 4, 4)),
            LayerExample({"in_channels": 2, "out_channels": 2, "shortcut": "projection-everywhere"}, (2, 3, 4)),
            LayerExample({"in_channels": 2, "out_channels": 2, "shortcut": "none"}, (2, 3, 4)),
        ]
