"""A convolution within each channel, then one across channels."""

from __future__ import annotations

from torch import Tensor, nn

from ..core.arguments import NonNegativeInt, PositiveInt
from .convolution import convolution
from .layer import Layer, LayerExample


class DepthwiseSeparableConvolution(Layer):
    """y = P (D * x): kernels D that read one channel each, then a 1x1 convolution P.

    Costs 1 / out_channels + 1 / kernel_size^2 of a full convolution, if ``multiplier`` is 1.

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size: side of the square kernels of D.
        stride: of D.
        padding: of D, zeros on each side.
        dilation: of D.
        multiplier: kernels of D for each channel of x.
        bias: of P; D has none, since one after P does the same.

    Source: Chollet (2017), section 1.2, without activation between the two; Howard et al. (2017), section 3.1.
    Departs from the papers: nowhere.
    """

    name = "depthwise-separable-convolution"
    reference = "chollet2017"

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        kernel_size: PositiveInt,
        stride: PositiveInt = 1,
        padding: NonNegativeInt = 0,
        dilation: PositiveInt = 1,
        multiplier: PositiveInt = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        middle = in_channels * multiplier
        self.depthwise = convolution(
            in_channels, middle, kernel_size, stride, padding, dilation, groups=in_channels, bias=False
        )
        self.pointwise = nn.Conv2d(middle, out_channels, 1, bias=bias)

    @classmethod
    def examples(cls) -> list[LayerExample]:
        small = {"in_channels": 2, "out_channels": 3, "kernel_size": 3}
        return [
            LayerExample({**small, "padding": 1}, (2, 4, 5)),
            LayerExample({**small, "stride": 2, "dilation": 2, "multiplier": 2, "bias": False}, (2, 7, 6)),
            LayerExample({**small, "kernel_size": 1, "stride": 2}, (2, 4, 5)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))
