"""By how much the right answer stays ahead of its rivals in a search."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class SearchMargins(NamedTuple):
    """Scores of the right prefixes and of the rivals that they must beat, step by step.

    Attributes:
        gold: (n, time), the score of y_1 ... y_t.
        rival: (n, time), the score of the last hypothesis beside which there is a place for it, of the best one at the
            last step; -inf where there is none, and beyond the length of a row.
        cost: (n, time), from 0 to 1, what a mistake costs; not differentiable.
    """

    gold: Tensor
    rival: Tensor
    cost: Tensor
