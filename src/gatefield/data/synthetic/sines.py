"""Sums of sines."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...core.errors import ArgumentError
from ...core.seeding import generator


def sines(
    count: int,
    periods: Sequence[float] = (25.0,),
    amplitudes: Sequence[float] | None = None,
    noise: float = 0.0,
    rows: int = 1,
    seed: int = 0,
) -> Tensor:
    """Sums of sines of random phases, float64 (rows, count).

        x(n) = sum over i of A_i sin(2 pi n / P_i + phi_i) + e(n),   e from N(0, noise^2)

    Args:
        count: values of a row.
        periods: P, in steps.
        amplitudes: A; None: 1 each.
        noise: standard deviation of e.
        rows: how many series, which differ in phases and noise.
        seed: of phases and noise.

    Raises:
        ArgumentError: no period or one that is not positive, another number of amplitudes, or a negative size.
    """
    for name, value in (("count", count), ("rows", rows), ("noise", noise)):
        if value < 0:
            raise ArgumentError(f"{name} is {value}", hint="give 0 or more", path=(name,))
    if not periods or not all(period > 0 for period in periods):
        raise ArgumentError(f"periods are {list(periods)}", hint="give positive numbers of steps", path=("periods",))
    sizes = [1.0] * len(periods) if amplitudes is None else list(amplitudes)
    if len(sizes) != len(periods):
        message = f"{len(sizes)} amplitudes for {len(periods)} periods"
        raise ArgumentError(message, hint="give one for each", path=("amplitudes",))
    source = generator(seed, "sines")
    phases = 2 * math.pi * torch.rand(rows, 1, len(periods), generator=source, dtype=torch.float64)
    n = torch.arange(count, dtype=torch.float64)[:, None]
    angles = 2 * math.pi * n / torch.tensor(periods, dtype=torch.float64) + phases
    x = (angles.sin() * torch.tensor(sizes, dtype=torch.float64)).sum(2)
    return x + noise * torch.randn(x.shape, generator=source, dtype=torch.float64)
