"""A convolution that learns where to look."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..core.arguments import NonNegativeInt, PositiveInt
from ..core.errors import ArgumentError
from ..functional.deformable import deformable_convolution
from .convolution import convolution
from .convolution_unit import check_groups
from .layer import Layer, LayerExample


class DeformableConvolution(Layer):
    """y(p) = sum over taps k of w_k x(p + p_k + dp_k) dm_k, with the moves dp and the weights dm computed from x.

    A convolution of the same kernel computes dp and, if ``modulated``, dm = sigmoid of its further outputs. It starts
    at zero: the layer then is an ordinary convolution, times 1/2 if modulated.

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size: side of the square kernels.
        stride: of the convolution.
        padding: zeros on each side.
        dilation: distance between two taps before they move.
        groups: of the convolution.
        offset_groups: parts of the channels of x that have moves of their own.
        modulated: the second version, with dm; the first has dm = 1.
        bias: whether y has one.

    Raises:
        ArgumentError: groups that do not divide the channels.

    Source: Dai et al. (2017), section 2.1; modulated: Zhu et al. (2019), section 3.2. Departs from the papers: in no
    equation; the smaller learning rate of the moves is for the optimizer.
    """

    name = "deformable-convolution"
    reference = "dai2017"

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        kernel_size: PositiveInt,
        stride: PositiveInt = 1,
        padding: NonNegativeInt = 0,
        dilation: PositiveInt = 1,
        groups: PositiveInt = 1,
        offset_groups: PositiveInt = 1,
        modulated: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_groups(groups, in_channels, out_channels)
        if in_channels % offset_groups:
            raise ArgumentError(
                f"{offset_groups} offset groups do not divide {in_channels} channels",
                hint="choose a divisor of the channels",
                path=("offset_groups",),
            )
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.moves = 2 * offset_groups * kernel_size**2
        self.offset = convolution(
            in_channels,
            self.moves * 3 // 2 if modulated else self.moves,
            kernel_size,
            stride,
            padding,
            dilation,
        )
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights as torch draws those of its convolutions; moves start at zero."""
        nn.init.zeros_(self.offset.weight)
        if self.offset.bias is not None:
            nn.init.zeros_(self.offset.bias)
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    @classmethod
    def examples(cls) -> list[LayerExample]:
        small = {"in_channels": 4, "out_channels": 2, "kernel_size": 3}
        return [
            LayerExample({**small, "padding": 1}, (4, 4, 5)),
            LayerExample({**small, "stride": 2, "padding": 2, "dilation": 2, "groups": 2}, (4, 5, 6)),
            LayerExample({**small, "offset_groups": 2, "modulated": True, "bias": False}, (4, 5, 4)),
            LayerExample({**small, "kernel_size": 1, "stride": 2}, (4, 4, 5)),
        ]

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """Those of the convolution, and four for each value that is read between cells."""
        places = math.prod(output_shape[1:])
        return places * (self.weight.numel() + 4 * input_shape[0] * math.prod(self.weight.shape[2:]))

    def forward(self, x: Tensor) -> Tensor:
        found = self.offset(x)
        mask = found[:, self.moves :].sigmoid() if found.shape[1] > self.moves else None
        steps = (self.stride, self.padding, self.dilation)
        return deformable_convolution(x, found[:, : self.moves], self.weight, self.bias, mask, *steps)
