"""How many cells to add around an input: same, full and causal padding, on one side, or where a stride needs it.

A pair is (before, after) along one axis; `pad_axes` adds pairs to a tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from ..core.errors import ArgumentError
from .convolution_arithmetic import Window

PaddingName = Literal["valid", "same", "full", "causal"]


def padding_sides(
    name: PaddingName, kernel: int, dilation: int = 1, odd_cell: Literal["before", "after"] = "after"
) -> tuple[int, int]:
    """Padding of a window of stride 1, with e = dilation (kernel - 1).

        valid   (0, 0)      the output is e shorter than the input
        same    (e/2, e/2)  as long as the input; where e is odd, one side has a cell more
        full    (e, e)      e longer: every position that touches the input
        causal  (e, 0)      as long as the input, and output t reads inputs up to t only (catalogue 52)

    Args:
        name: which.
        kernel: taps.
        dilation: distance between two taps.
        odd_cell: the side that has more under ``same``: ``after`` as in torch and Keras, ``before`` as in SciPy's
            true convolution.
    """
    reach = Window(kernel, dilation=dilation).extent - 1
    less, more = reach // 2, reach - reach // 2
    same = (less, more) if odd_cell == "after" else (more, less)
    return {"valid": (0, 0), "same": same, "full": (reach, reach), "causal": (reach, 0)}[name]


def strided_same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """The least padding that gives O = ceil(size / stride), the odd cell after the input.

    Keras and TensorFlow call it "same" too; unlike `padding_sides` it depends on the size of the input.
    """
    extent = Window(kernel, dilation=dilation).extent
    missing = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return missing // 2, missing - missing // 2


def ceil_padding(size: int, kernel: int, stride: int, padding: int = 0) -> tuple[int, int]:
    """The one-sided padding that does what ceil mode does: the cells by which its last window sticks out.

    On the decks' 7x7 maps a 2x2 pooling of stride 2 needs (0, 1) for its 4x4 (catalogue 6), the window along the
    border of their 5x5 matrix likewise (catalogue 7).
    """
    positions = Window(kernel, stride, padding, ceil_mode=True).output_size(size)
    return padding, max((positions - 1) * stride + kernel - size - padding, 0)


def pad_axes(x: Tensor, sides: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """``x`` (batch, channels, axes...) with cells of ``value`` around it; ``sides`` has a pair for each spatial axis.

    The first pair belongs to the first spatial axis, for images (top, bottom) and then (left, right).

    Raises:
        ArgumentError: another number of pairs than of spatial axes.
    """
    if len(sides) != x.dim() - 2:
        hint = "give (before, after) for each axis after batch and channels"
        raise ArgumentError(f"{len(sides)} pairs of padding for {x.dim() - 2} axes", hint=hint, path=("padding",))
    flat = [cells for pair in reversed(sides) for cells in pair]  # torch begins with the last axis
    return F.pad(x, flat, value=value) if any(flat) else x
