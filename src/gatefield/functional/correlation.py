"""The convolution of this field, which does not flip the kernel, over one to three axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from ..core.errors import ArgumentError
from .axes import per_axis

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
POOLINGS = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def correlation(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """y[i] = b + sum over m of w[m] x[s i + d m - p]: torch's convolution, a cross-correlation.

    Where the kernel is a single cell, the cells that a stride steps over are left out beforehand. Left to oneDNN as one
    strided convolution, the gradient of w is not safe: in channels-last order, with fewer channels than fill a vector
    and with two threads, torch 2.13 writes beyond the memory set aside for it.

    Args:
        x: (batch, in_channels, axes...), one to three axes.
        weight: w, (out_channels, in_channels / groups, kernel...).
        bias: b, (out_channels,).
        stride: s; one for all axes, or one each.
        padding: p, cells of zeros on both sides.
        dilation: d, distance between two taps.
        groups: as in torch.

    Raises:
        ArgumentError: torch has no convolution over so many axes.
    """
    axes = weight.dim() - 2
    if axes not in CONVOLUTIONS:
        hint = "give tensors of (batch, channels, one to three axes)"
        raise ArgumentError(f"there is no convolution over {axes} axes", hint=hint)
    strides, cells = per_axis(stride, axes), per_axis(padding, axes)
    if set(weight.shape[2:]) == {1} and set(strides) != {1}:
        around = [count for count in reversed(cells) for _ in ("before", "after")]
        x = POOLINGS[axes](F.pad(x, around) if any(around) else x, 1, strides)
        strides, cells = (1,) * axes, (0,) * axes
    return CONVOLUTIONS[axes](x, weight, bias, strides, cells, per_axis(dilation, axes), groups)
