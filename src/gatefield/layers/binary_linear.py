"""A full connection with weights, or weights and inputs, of one bit."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from ..core.arguments import PositiveInt
from ..functional.binarize import binary_weight, straight_through_sign
from .binary_convolution import BinaryInputs
from .layer import Layer, LayerExample


class BinaryLinear(Layer):
    """Binary-Weight: y = alpha (sign(W) x). XNOR: y = alpha K (sign(W) sign(x)), with K the mean |x|.

    Args:
        in_features: length of x.
        out_features: length of y.
        inputs: as in `BinaryConvolution`.
        bias: whether y has one, a real number.

    Source: Rastegari, Ordonez, Redmon and Farhadi (2016), equations 6 and 8. Departs from the paper: nowhere; K, of
    whose gradient the paper is silent, has that of |x|.
    """

    name = "binary-linear"
    reference = "rastegari2016"
    surrogate_gradient = True

    def __init__(
        self,
        in_features: PositiveInt,
        out_features: PositiveInt,
        inputs: BinaryInputs = "scaled-signs",
        bias: bool = False,
    ) -> None:
        super().__init__()
        like = nn.Linear(in_features, out_features, bias)
        self.weight, self.bias = like.weight, like.bias
        self.inputs: BinaryInputs = inputs

    @classmethod
    def examples(cls) -> list[LayerExample]:
        return [
            LayerExample({"in_features": 5, "out_features": 3}, (5,)),
            LayerExample({"in_features": 9, "out_features": 2, "inputs": "signs", "bias": True}, (9,)),
            LayerExample({"in_features": 4, "out_features": 2, "inputs": "real"}, (3, 4)),
        ]

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """By alpha and K only: signs need none."""
        return math.prod(output_shape) * (2 if self.inputs == "scaled-signs" else 1)

    def forward(self, x: Tensor) -> Tensor:
        weight, alpha = binary_weight(self.weight)
        ready = x if self.inputs == "real" else straight_through_sign(x)
        y = F.linear(ready, weight) * alpha
        if self.inputs == "scaled-signs":
            y = y * x.abs().mean(-1, keepdim=True)
        return y if self.bias is None else y + self.bias
