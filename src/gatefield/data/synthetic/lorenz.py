"""The Lorenz system."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...core.errors import ArgumentError


def lorenz(
    count: int,
    step: float = 0.01,
    sigma: float = 10.0,
    rho: float = 28.0,
    beta: float = 8 / 3,
    initial: Sequence[float] = (1.0, 1.0, 1.0),
    transient: int = 1000,
    substeps: int = 1,
) -> Tensor:
    """A solution of Lorenz's equations, float64 (count, 3): x, y and z.

        dx/dt = sigma (y - x),   dy/dt = x (rho - z) - y,   dz/dt = x y - beta z

    By Runge and Kutta's fourth-order method.

    Args:
        count: how many points.
        step: time between two points.
        sigma, rho, beta: of the equations.
        initial: x, y and z at the start.
        transient: points that are left out at the start.
        substeps: steps of the integration between two points.

    Raises:
        ArgumentError: a number below its least.

    Source: Lorenz (1963), equations 25 to 27.
    """
    for name, value, least in (("count", count, 0), ("transient", transient, 0), ("substeps", substeps, 1)):
        if value < least:
            raise ArgumentError(f"{name} is {value}", hint=f"give at least {least}", path=(name,))
    if len(initial) != 3:
        raise ArgumentError(f"{len(initial)} initial values", hint="give x, y and z", path=("initial",))

    def f(x: float, y: float, z: float) -> tuple[float, float, float]:
        return sigma * (y - x), x * (rho - z) - y, x * y - beta * z

    x, y, z = map(float, initial)
    h = step / substeps
    points = [(x, y, z)]
    for _ in range(transient + max(count - 1, 0)):
        for _ in range(substeps):
            a = f(x, y, z)
            b = f(x + h / 2 * a[0], y + h / 2 * a[1], z + h / 2 * a[2])
            c = f(x + h / 2 * b[0], y + h / 2 * b[1], z + h / 2 * b[2])
            d = f(x + h * c[0], y + h * c[1], z + h * c[2])
            x, y, z = (now + h / 6 * (p + 2 * q + 2 * r + s) for now, p, q, r, s in zip((x, y, z), a, b, c, d))
        points.append((x, y, z))
    return torch.tensor(points, dtype=torch.float64)[transient : transient + count]
