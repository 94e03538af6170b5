"""The convolution of mathematics, which flips the kernel; torch's, and everybody's in this field, does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from .axes import per_axis
from .correlation import correlation
from .padding import pad_axes, padding_sides

#: What to keep of the convolution of two signals, in SciPy's words.
ConvolutionPart = Literal["valid", "same", "full"]


def flip_kernel(weight: Tensor) -> Tensor:
    """``weight`` (out, in, kernel...) turned around along every spatial axis: rows and columns of an image's."""
    return weight.flip(list(range(2, weight.dim())))


def true_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: ConvolutionPart = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """y[i, j] = sum over m, n of x[i - m, j - n] w[m, n]: correlation with the flipped kernel (catalogue 38).

    Args:
        x: (batch, in_channels, axes...), one to three axes.
        weight: (out_channels, in_channels / groups, kernel...).
        bias: (out_channels,).
        stride: one for all axes, or one each.
        padding: the part of y to keep, as in ``scipy.signal.convolve``.
        dilation: distance between two taps.
        groups: as in torch.

    Source: Goodfellow, Bengio and Courville (2016), equations 9.5 and 9.6; lecture deck S1, "flip rows and columns".
    """
    kernel, axes = weight.shape[2:], weight.dim() - 2
    dilations = per_axis(dilation, axes)
    sides = [padding_sides(padding, taps, step, "before") for taps, step in zip(kernel, dilations)]
    return correlation(pad_axes(x, sides), flip_kernel(weight), bias, stride, 0, dilations, groups)
