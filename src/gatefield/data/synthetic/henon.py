"""The map of Henon."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import ArgumentError, InputError


def henon(
    count: int,
    a: float = 1.4,
    b: float = 0.3,
    initial: tuple[float, float] = (0.0, 0.0),
    transient: int = 100,
) -> Tensor:
    """An orbit of Henon's map, float64 (count, 2): x and y.

        x(n+1) = 1 - a x(n)^2 + y(n),   y(n+1) = b x(n)

    Args:
        count: how many points.
        a, b: of the map.
        initial: x and y at the start.
        transient: points that are left out at the start.

    Raises:
        ArgumentError: a negative count or transient.
        InputError: the orbit runs away to infinity.

    Source: Henon (1976), equation 4.
    """
    for name, value in (("count", count), ("transient", transient)):
        if value < 0:
            raise ArgumentError(f"{name} is {value}", hint="give 0 or more", path=(name,))
    x, y = initial
    points = [(x, y)]
    for n in range(transient + max(count - 1, 0)):
        x, y = 1 - a * x * x + y, b * x
        if abs(x) > 1e6:
            message = f"the orbit has run away by step {n + 1}"
            raise InputError(message, hint="start nearer to the attractor, or give a = 1.4 and b = 0.3")
        points.append((x, y))
    return torch.tensor(points, dtype=torch.float64)[transient : transient + count]
