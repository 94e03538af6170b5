"""The receptive field that a unit uses: the gradient of its output with respect to the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..core.errors import ArgumentError


def effective_receptive_field(
    function: Callable[[Tensor], Tensor], x: Tensor, unit: Sequence[int] | None = None
) -> Tensor:
    """Mean over the batch and sum over channels of |d y_unit / d x|, divided by its largest value.

    y_unit is the sum over the channels of ``function(x)`` at one place.

    Args:
        function: maps (batch, channels, axes...) to (batch, channels, axes...); a network or some of its layers.
        x: inputs; the mean over several random ones is the expectation of the paper.
        unit: a place in the output; its middle, by default.

    Returns:
        One value in [0, 1] for each place of the input; zeros where nothing reaches the unit.

    Raises:
        ArgumentError: the output has no such place.

    Source: Luo, Li, Urtasun and Zemel (2016), section 4. Departs from the paper: sums the channels of y, not one.
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        y = function(x)
        shape = y.shape[2:]
        place = tuple(size // 2 for size in shape) if unit is None else tuple(unit)
        if len(place) != len(shape) or not all(0 <= i < size for i, size in zip(place, shape)):
            hint = f"the output has {'x'.join(map(str, shape))} places"
            raise ArgumentError(f"there is no unit at {place}", hint=hint, path=("unit",))
        (gradient,) = torch.autograd.grad(y[(slice(None), slice(None), *place)].sum(), x)
    field = gradient.abs().mean(0).sum(0)
    largest = field.max()
    return field / largest if largest > 0 else field


def support(field: Tensor, threshold: float = 0.0) -> tuple[int, ...]:
    """Cells from the first to the last above ``threshold``, along each axis: the theoretical size at 0."""
    lengths = []
    for axis in range(field.dim()):
        others = [other for other in range(field.dim()) if other != axis]
        touched = (field.amax(others) if others else field).gt(threshold).nonzero()
        lengths.append(int(touched[-1] - touched[0]) + 1 if len(touched) else 0)
    return tuple(lengths)


def effective_size(field: Tensor) -> float:
    """Side of a square as large as the area above 1 - 95.45 %: where a Gaussian falls to two standard deviations.

    Source: Luo, Li, Urtasun and Zemel (2016), section 4.
    """
    return float((field > 1 - 0.9545).sum()) ** (1 / field.dim())
