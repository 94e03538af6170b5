"""Convolution with weights, or weights and inputs, of one bit."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor, nn

from ..core.arguments import NonNegativeInt, PositiveInt
from ..functional.binarize import binary_weight, input_scale, straight_through_sign
from ..functional.correlation import correlation
from .convolution_unit import check_groups
from .layer import Layer, LayerExample

#: What a binary layer does to its input.
BinaryInputs = Literal["real", "signs", "scaled-signs"]


class BinaryConvolution(Layer):
    """Binary-Weight: y = alpha (sign(W) * x). XNOR: y = alpha K (sign(W) * sign(x)).

    alpha is the mean |w| of each filter, K the mean |x| under each window. The real W are trained, through the
    straight-through gradients of `functional.binarize`; `pack_binary_layers` leaves one bit of each for inference.
    Padding adds zeros behind the sign, which count nothing.

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size: side of the square kernels.
        stride: of the convolution.
        padding: zeros on each side.
        groups: of the convolution.
        inputs: ``real`` for Binary-Weight, ``scaled-signs`` for XNOR; ``signs`` for XNOR with K = 1, of which the
            paper finds that it costs little accuracy.
        bias: whether y has one, a real number.

    Raises:
        ArgumentError: ``groups`` does not divide the channels.

    Source: Rastegari, Ordonez, Redmon and Farhadi (2016), equations 1, 6 and 11. Departs from the paper: nowhere; K,
    of whose gradient the paper is silent, has that of |x|.
    """

    name = "binary-convolution"
    reference = "rastegari2016"
    surrogate_gradient = True

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        kernel_size: PositiveInt,
        stride: PositiveInt = 1,
        padding: NonNegativeInt = 0,
        groups: PositiveInt = 1,
        inputs: BinaryInputs = "scaled-signs",
        bias: bool = False,
    ) -> None:
        super().__init__()
        check_groups(groups, in_channels, out_channels)
        like = nn.Conv2d(in_channels, out_channels, kernel_size, groups=groups, bias=bias)
        self.weight, self.bias = like.weight, like.bias
        self.kernel_size, self.stride, self.padding, self.groups = kernel_size, stride, padding, groups
        self.inputs: BinaryInputs = inputs

    @classmethod
    def examples(cls) -> list[LayerExample]:
        small = {"in_channels": 4, "out_channels": 6, "kernel_size": 3}
        return [
            LayerExample({**small, "padding": 1}, (4, 4, 5)),
            LayerExample({**small, "stride": 2, "groups": 2, "inputs": "signs", "bias": True}, (4, 5, 6)),
            LayerExample({**small, "padding": 2, "inputs": "real"}, (4, 3, 2)),
            LayerExample({**small, "kernel_size": 1, "stride": 2}, (4, 4, 5)),
        ]

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """By alpha and K only: signs need none. The box filter of K has one for each window."""
        return math.prod(output_shape) * (2 if self.inputs == "scaled-signs" else 1)

    def forward(self, x: Tensor) -> Tensor:
        weight, alpha = binary_weight(self.weight)
        ready = x if self.inputs == "real" else straight_through_sign(x)
        products = correlation(ready, weight, None, self.stride, self.padding, groups=self.groups)
        return scale_products(products, alpha, self._input_scale(x), self.bias)

    def _input_scale(self, x: Tensor) -> Tensor | None:
        if self.inputs != "scaled-signs":
            return None
        kernel = (self.kernel_size, self.kernel_size)
        return input_scale(x, kernel, self.stride, self.padding, groups=self.groups)


def scale_products(products: Tensor, alpha: Tensor, scale: Tensor | None, bias: Tensor | None) -> Tensor:
    """y = alpha K products + b: products (batch, out, height, width), K (batch, groups, height, width)."""
    y = products * alpha[:, None, None]
    if scale is not None:
        y = y * scale.repeat_interleave(y.shape[1] // scale.shape[1], 1)
    return y if bias is None else y + bias[:, None, None]
