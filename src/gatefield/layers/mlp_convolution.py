"""The layer of Network in Network: a small perceptron slides over the image."""

from __future__ import annotations

import itertools
from collections import OrderedDict

from torch import Tensor, nn

from ..core.arguments import NonNegativeInt, PositiveInt
from ..core.errors import ArgumentError
from .activation import ActivationName
from .convolution_unit import ConvolutionUnit
from .layer import Layer, LayerExample


class MLPConvolution(Layer):
    """f_1 = g(W_1 * x + b_1), f_l = g(W_l f_(l-1) + b_l): a convolution, then dense layers shared by all places.

    The dense layers are 1x1 convolutions.

    Args:
        in_channels: channels of x.
        channels: of the convolution and of each dense layer after it.
        kernel_size: side of the convolution.
        stride: of the convolution.
        padding: of the convolution.
        activation: g.

    Raises:
        ArgumentError: ``channels`` is empty.

    Source: Lin, Chen and Yan (2014), equation 2. Departs from the paper: nowhere.
    """

    name = "mlp-convolution"
    reference = "lin2014"

    def __init__(
        self,
        in_channels: PositiveInt,
        channels: tuple[PositiveInt, ...],
        kernel_size: PositiveInt,
        stride: PositiveInt = 1,
        padding: NonNegativeInt = 0,
        activation: ActivationName = "relu",
    ) -> None:
        super().__init__()
        if not channels:
            raise ArgumentError("there are no channels", hint="give those of the convolution", path=("channels",))
        first = ConvolutionUnit(in_channels, channels[0], kernel_size, stride, padding, activation=activation)
        dense = [
            (f"dense{number}", ConvolutionUnit(sources, targets, 1, activation=activation))
            for number, (sources, targets) in enumerate(itertools.pairwise(channels), start=1)
        ]
        self.layers = nn.Sequential(OrderedDict([("conv", first), *dense]))

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({"in_channels": 2, "channels": (3, 4, 2), "kernel_size": 3, "padding": 1}, (2, 4, 5)),
            LayerExample(
                {"in_channels": 1, "channels": (2,), "kernel_size": 2, "stride": 2, "activation": "tanh"}, (1, 5, 4)
            ),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
