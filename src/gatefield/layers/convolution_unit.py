"""The unit that convolutional networks repeat: convolution, normalization, activation, pooling."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from ..core.arguments import NonNegativeInt, PositiveInt
from ..core.errors import ArgumentError
from .activation import ActivationName, activation_module
from .convolution import convolution
from .layer import Layer, LayerExample
from .max_pooling import MaxPool2d


class ConvolutionUnit(Layer):
    """y = pool(g(norm(W * x + b))): the decks' convolutional unit (catalogue 66), in two dimensions.

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size: side of the square kernels.
        stride: of the convolution.
        padding: cells of zeros on each side; ``same`` keeps the size at stride 1.
        groups: of the convolution.
        batch_norm: normalize before the activation; the convolution then has no bias, which it would cancel.
        activation: g.
        pooling: side and stride of a max pooling at the end; 1 for none.

    Raises:
        ArgumentError: ``groups`` does not divide the channels, or ``same`` with a stride.

    Source: lecture decks S0 and S3 (catalogue 66); normalization: Ioffe and Szegedy (2015), section 3.2.
    Departs from the decks: nowhere.
    """

    name = "convolution-unit"
    reference = "catalogue 66"

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        kernel_size: PositiveInt,
        stride: PositiveInt = 1,
        padding: NonNegativeInt | Literal["same"] = 0,
        groups: PositiveInt = 1,
        batch_norm: bool = False,
        activation: ActivationName = "relu",
        pooling: PositiveInt = 1,
    ) -> None:
        super().__init__()
        check_groups(groups, in_channels, out_channels)
        if padding == "same" and stride > 1:
            hint = f"give the padding as a number, for example {kernel_size // 2}"
            raise ArgumentError(f"a stride of {stride} cannot keep the size", hint=hint, path=("padding",))
        self.conv = convolution(
            in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=not batch_norm
        )
        self.norm = nn.BatchNorm2d(out_channels) if batch_norm else None
        self.activation = activation_module(activation)
        self.pooling = MaxPool2d(pooling) if pooling > 1 else None

    @classmethod
    def examples(cls) -> list[LayerExample]:
        small = {"in_channels": 2, "out_channels": 4, "kernel_size": 3}
        return [
            LayerExample(small, (2, 5, 6)),
            LayerExample({**small, "padding": "same", "groups": 2, "batch_norm": True, "pooling": 2}, (2, 5, 6)),
            LayerExample({**small, "stride": 2, "padding": 1, "activation": "tanh"}, (2, 5, 6)),
            LayerExample({**small, "kernel_size": 1, "stride": 2, "padding": 1, "groups": 2}, (2, 5, 6)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        for part in (self.conv, self.norm, self.activation, self.pooling):
            x = x if part is None else part(x)
        return x


def check_groups(groups: int, in_channels: int, out_channels: int) -> None:
    """Raises ArgumentError unless ``groups`` divides the channels of both sides."""
    if in_channels % groups or out_channels % groups:
        raise ArgumentError(
            f"{groups} groups do not divide {in_channels} input and {out_channels} output channels",
            hint="choose channels that are multiples of the groups",
            path=("groups",),
        )
