"""Sizes of convolutions and poolings: how many positions a window has, and how small an input may be.

Sizes are counted along one axis; a square window on an image is used once for its height and once for its width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.errors import ArgumentError


@dataclass(frozen=True)
class Window:
    """A window that slides along one axis: a convolution or a pooling.

    Args:
        kernel: taps, at least 1.
        stride: steps between two positions, at least 1.
        padding: cells added at both ends, or a pair (before, after) for one-sided padding (catalogue 42).
        dilation: distance between two taps, at least 1.
        ceil_mode: also count a last position that sticks out at the end, as torch's poolings do when asked.
    """

    kernel: int
    stride: int = 1
    padding: int | tuple[int, int] = 0
    dilation: int = 1
    ceil_mode: bool = False

    @property
    def extent(self) -> int:
        """Cells from the first tap to the last, both included: dilation (kernel - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def sides(self) -> tuple[int, int]:
        """Padding (before, after)."""
        return (self.padding, self.padding) if isinstance(self.padding, int) else self.padding

    def output_size(self, size: int) -> int:
        """O = floor((W - F + P_before + P_after) / S) + 1, with F the extent (catalogue 11); 0 if none fits."""
        before, after = self.sides
        room = size + before + after - self.extent
        if not self.ceil_mode:
            return max(room // self.stride + 1, 0)
        positions = max(-(-room // self.stride) + 1, 0)
        # torch drops a last window that would start beyond the input, in the padding at the end
        return positions - 1 if (positions - 1) * self.stride >= size + before else positions

    def smallest_input(self, output: int = 1) -> int:
        """The smallest size that leaves at least ``output`` positions."""
        smallest = max((output - 1) * self.stride + self.extent - sum(self.sides), 1)
        while self.ceil_mode and smallest > 1 and self.output_size(smallest - 1) >= output:
            smallest -= 1  # the last position may stick out
        return smallest


def transposed_output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """W = (O - 1) S + dilation (F - 1) + 1 - 2 P + output padding: the inverse of `Window` (catalogue 16)."""
    return (size - 1) * stride + dilation * (kernel - 1) + 1 - 2 * padding + output_padding


def stack_output_shape(shape: Sequence[int], windows: Sequence[Window]) -> tuple[int, ...]:
    """Spatial shape after all ``windows``, one after the other and the same along each axis.

    Raises:
        ArgumentError: nothing is left; the hint names the smallest input.
    """
    sizes = list(shape)
    for window in windows:
        sizes = [window.output_size(size) for size in sizes]
    if math.prod(sizes) == 0:
        smallest = 1
        for window in reversed(windows):
            smallest = window.smallest_input(smallest)
        given, needed = "x".join(map(str, shape)), "x".join([str(smallest)] * len(sizes))
        raise ArgumentError(
            f"an input of {given} is too small: nothing is left of it after the convolutions and poolings",
            hint=f"enlarge it to at least {needed}",
            path=("input_shape",),
        )
    return tuple(sizes)
