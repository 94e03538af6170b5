"""The receptive field of a unit, layer by layer: how much of the input it can see, and where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from .convolution_arithmetic import Window


@dataclass(frozen=True)
class ReceptiveField:
    """What the units of one layer see along one axis of the input (catalogue 43).

    Args:
        size: input cells between the first and the last that reach a unit, both included.
        jump: input cells between the centers of two neighboring units.
        start: center of the first unit's field, with the first input cell centered at 0; padding makes it move left.
    """

    size: int = 1
    jump: Fraction = Fraction(1)
    start: Fraction = Fraction(0)

    def through(self, window: Window) -> ReceptiveField:
        """The field after ``window``.

        r' = r + (k - 1) d j        j' = j s        start' = start + ((k - 1) d / 2 - p) j
        """
        reach = window.extent - 1
        return ReceptiveField(
            self.size + math.ceil(reach * self.jump),
            self.jump * window.stride,
            self.start + (Fraction(reach, 2) - window.sides[0]) * self.jump,
        )

    def through_transposed(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> ReceptiveField:
        """The field after a transposed convolution; the largest, where units between two inputs differ.

        Output o reads input i with i s - p + t d = o for a tap t, so every gcd(s, d)-th part of the taps meets an
        input, and neighbors of these are d / gcd(s, d) inputs apart.
        """
        common = math.gcd(stride, dilation)
        taps = -(-kernel * common // stride)
        reach = (taps - 1) * dilation // common
        return ReceptiveField(
            self.size + math.ceil(reach * self.jump),
            self.jump / stride,
            self.start + (padding - Fraction(dilation * (kernel - 1), 2)) * self.jump / stride,
        )

    def join(self, other: ReceptiveField) -> ReceptiveField:
        """The field of a unit that reads both, as after a residual sum: from the first cell of either to the last."""
        first = min(field.start - Fraction(field.size - 1, 2) for field in (self, other))
        last = max(field.start + Fraction(field.size - 1, 2) for field in (self, other))
        return ReceptiveField(math.ceil(last - first) + 1, max(self.jump, other.jump), (first + last) / 2)
