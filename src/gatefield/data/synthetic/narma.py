"""NARMA: a nonlinear moving average with feedback, for models that must remember inputs and outputs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...core.errors import ArgumentError, InputError
from ...core.seeding import generator


class DrivenSeries(NamedTuple):
    """What goes in, u(n), and what should come out, y(n); float64 (count,) each."""

    inputs: Tensor
    targets: Tensor


def narma(count: int, order: int = 10, seed: int = 0) -> DrivenSeries:
    """A NARMA series, by default of order 10.

        y(n+1) = 0.3 y(n) + 0.05 y(n) [y(n) + ... + y(n-k+1)] + 1.5 u(n-k+1) u(n) + 0.1,   u from U(0, 0.5)

    The target at place n is y(n+1), which depends on the inputs up to place n.

    Args:
        count: how many steps.
        order: k.
        seed: of the inputs.

    Raises:
        ArgumentError: a negative count, or an order below 1.
        InputError: the series runs away, which rare inputs make it do; orders far above 10 always.

    Source: Atiya and Parlos (2000), equation 86.
    """
    if count < 0:
        raise ArgumentError(f"count is {count}", hint="give 0 or more", path=("count",))
    if order < 1:
        raise ArgumentError(f"order is {order}", hint="give 1 or more", path=("order",))
    u = (0.5 * torch.rand(count, generator=generator(seed, "narma", order), dtype=torch.float64)).tolist()
    y = [0.0] * (order + count)  # zeros before the start
    for n in range(count):
        now = n + order - 1
        first_input = u[n - order + 1] if n >= order - 1 else 0.0
        recent = sum(y[now - order + 1 : now + 1])
        y[now + 1] = 0.3 * y[now] + 0.05 * y[now] * recent + 1.5 * first_input * u[n] + 0.1
        if not abs(y[now + 1]) < 10:
            raise InputError(f"the series runs away at step {n}", hint="take another seed, or a lower order")
    return DrivenSeries(torch.tensor(u, dtype=torch.float64), torch.tensor(y[order:], dtype=torch.float64))
