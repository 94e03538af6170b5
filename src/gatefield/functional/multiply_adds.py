"""What convolutions cost: multiplications, weights, and the savings of their cheaper forms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction


def convolution_multiply_adds(
    output_shape: Sequence[int], in_channels: int, out_channels: int, kernel: Sequence[int], groups: int = 1
) -> int:
    """Multiplications of a convolution: each output cell reads kernel x in / groups inputs.

    Args:
        output_shape: lengths of the spatial axes of the output.
        in_channels: M.
        out_channels: N.
        kernel: lengths of the kernel.
        groups: of the convolution (catalogue 51).
    """
    return math.prod(output_shape) * out_channels * math.prod(kernel) * in_channels // groups


def convolution_weights(in_channels: int, out_channels: int, kernel: Sequence[int], groups: int = 1) -> int:
    """Weights that all places share, without biases (catalogue 44)."""
    return out_channels * math.prod(kernel) * in_channels // groups


def locally_connected_weights(
    output_shape: Sequence[int], in_channels: int, out_channels: int, kernel: Sequence[int]
) -> int:
    """Weights if each place had its own: as many as the convolution has multiplications (catalogue 44)."""
    return convolution_multiply_adds(output_shape, in_channels, out_channels, kernel)


def fully_connected_weights(
    input_shape: Sequence[int], output_shape: Sequence[int], in_channels: int, out_channels: int
) -> int:
    """Weights if each output cell read every input cell (catalogue 44)."""
    return math.prod(input_shape) * in_channels * math.prod(output_shape) * out_channels


def depthwise_separable_share(out_channels: int, kernel: Sequence[int]) -> Fraction:
    """Cost of a depth-wise separable convolution as a share of the full one: 1 / N + 1 / (kernel area).

    Source: Howard et al. (2017), section 3.1.
    """
    return Fraction(1, out_channels) + Fraction(1, math.prod(kernel))


def spatially_separable_share(kernel: Sequence[int]) -> Fraction:
    """Cost of a column and a row as a share of the whole kernel: (h + w) / (h w); 6/9 for 3x3 (catalogue 17)."""
    return Fraction(sum(kernel), math.prod(kernel))
