"""The residual connection around a recurrent level (Wu et al. 2016)."""

from __future__ import annotations

from torch import Tensor

from ..core.errors import InputError


def with_input(x: Tensor, output: Tensor, first_axis: int) -> Tensor:
    """``output`` of a level plus its input ``x``; features begin on ``first_axis``.

    Raises:
        InputError: they have different features.
    """
    if x.shape != output.shape:
        message = (
            f"a residual level turns {tuple(x.shape[first_axis:])} features into {tuple(output.shape[first_axis:])}"
        )
        raise InputError(message, hint="give residual levels as many features out as in")
    return output + x
