"""The convolution of mathematics as a layer."""

from __future__ import annotations

from torch import Tensor, nn

from ..core.arguments import PositiveInt
from ..functional.true_convolution import ConvolutionPart, true_convolution
from .layer import Layer, LayerExample


class FlippedConvolution(Layer):
    """y[i, j] = b + sum over m, n of x[i - m, j - n] w[m, n]: a convolution that flips its kernels (catalogue 38).

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size: side of the square kernels.
        stride: of the convolution.
        padding: the part of y to keep, as in SciPy.
        bias: whether there is b.

    Source: Goodfellow, Bengio and Courville (2016), equation 9.5. Departs from the book: nowhere.
    """

    name = "flipped-convolution"
    reference = "goodfellow2016"

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        kernel_size: PositiveInt,
        stride: PositiveInt = 1,
        padding: ConvolutionPart = "valid",
        bias: bool = True,
    ) -> None:
        super().__init__()
        like = nn.Conv2d(in_channels, out_channels, kernel_size, bias=bias)
        self.weight, self.bias = like.weight, like.bias
        self.stride = stride
        self.padding: ConvolutionPart = padding

    @classmethod
    def examples(cls) -> list[LayerExample]:
        small = {"in_channels": 2, "out_channels": 3, "kernel_size": 3}
        return [
            LayerExample(small, (2, 4, 5)),
            LayerExample({**small, "stride": 2, "padding": "full", "bias": False}, (2, 3, 3)),
            LayerExample({**small, "kernel_size": 1, "stride": 2}, (2, 4, 5)),
        ]

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        return output_shape[1] * output_shape[2] * self.weight.numel()

    def forward(self, x: Tensor) -> Tensor:
        return true_convolution(x, self.weight, self.bias, self.stride, self.padding)
