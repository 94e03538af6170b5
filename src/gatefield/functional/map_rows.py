"""A function of single steps on rows of different lengths, which spends nothing on padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from .lengths import inside, row_ends


def map_rows(function: Callable[[Tensor], Tensor], x: Tensor, lengths: Sequence[int] | Tensor | None) -> Tensor:
    """``function`` of every step of ``x`` that belongs to its row, and zero beyond a row's length.

    Args:
        function: (steps, features) -> (steps, other features), each step by itself.
        x: (rows, time, features).
        lengths: steps of each row, in any order; None: all.

    Returns:
        (rows, time, other features).

    Raises:
        InputError: lengths that do not fit.
    """
    within = inside(row_ends(lengths, x.shape[0], x.shape[1], x.device), x.shape[1]).flatten()
    flat = x.flatten(0, 1)
    if bool(within.all()):
        return function(flat).unflatten(0, x.shape[:2])
    steps = within.nonzero().flatten()
    found = function(flat.index_select(0, steps))
    blank = found.new_zeros(len(flat), found.shape[1])
    return blank.index_copy_(0, steps, found).unflatten(0, x.shape[:2])
