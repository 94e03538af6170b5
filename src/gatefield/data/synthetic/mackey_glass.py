"""The Mackey-Glass equation, a delay equation that is chaotic from a delay of 17 on."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import ArgumentError


def mackey_glass(
    count: int,
    tau: float = 17.0,
    step: float = 0.1,
    sample: float = 1.0,
    beta: float = 0.2,
    gamma: float = 0.1,
    exponent: float = 10.0,
    initial: float = 1.2,
    transient: float = 1000.0,
    noise: float = 0.0,
    seed: int = 0,
) -> Tensor:
    """A solution of the Mackey-Glass equation, float64 (count,).

        dx/dt = beta x(t - tau) / (1 + x(t - tau)^exponent) - gamma x(t)

    By Runge and Kutta's fourth-order method. Its stages need x(t - tau) half a step on as well: that is interpolated
    by Hermite's cubic through values and derivatives, whose error is of fourth order too. The delay must be a whole
    number of steps, so that no kink of the solution (it has one every tau, from the start on) lies inside a step.

    Args:
        count: how many values.
        tau: the delay.
        step: of the integration.
        sample: time between two values.
        beta, gamma, exponent: of the equation.
        initial: x(t) at all t <= 0.
        transient: time that is left out at the start.
        noise: standard deviation of what is added to the initial value, so that seeds give different stretches of the
            attractor.
        seed: of that.

    Raises:
        ArgumentError: a delay, a sample or a transient that is not a whole number of steps, or a negative count.

    Source: Mackey and Glass (1977), equation 4b; catalogue 225.
    """
    if count < 0:
        raise ArgumentError(f"{count} values", hint="give 0 or more", path=("count",))
    if not step > 0:
        raise ArgumentError(f"a step of {step}", hint="give a positive number", path=("step",))
    delay, every = _whole("tau", tau, step, 1), _whole("sample", sample, step, 1)
    first = _whole("transient", transient, step, 0)
    source = torch.Generator().manual_seed(seed)
    start = initial + (noise * float(torch.randn((), generator=source, dtype=torch.float64)) if noise else 0.0)

    def f(x: float, delayed: float) -> float:
        return beta * delayed / (1 + delayed**exponent) - gamma * x

    steps = first + max(count - 1, 0) * every
    # x and dx/dt at -tau, ..., 0, ...; places delay on from the first are t = 0
    x, slope, h = [start] * (delay + steps + 1), [0.0] * (delay + steps + 1), step
    for n in range(delay, delay + steps):
        now, old, next_old = x[n], x[n - delay], x[n - delay + 1]
        # Hermite's cubic in the middle of the delayed step
        right = slope[n - delay + 1] if n - delay + 1 != delay else 0.0  # before t = 0 the history is flat
        middle = (old + next_old) / 2 + h / 8 * (slope[n - delay] - right)
        k1 = f(now, old)
        k2 = f(now + h / 2 * k1, middle)
        k3 = f(now + h / 2 * k2, middle)
        k4 = f(now + h * k3, next_old)
        slope[n] = k1
        x[n + 1] = now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return torch.tensor(x[delay + first :: every][:count], dtype=torch.float64)


def _whole(name: str, time: float, step: float, least: int) -> int:
    """``time`` in steps."""
    steps = round(time / step)
    if steps < least or abs(steps * step - time) > 1e-9 * max(1.0, time):
        hint = "give a whole multiple of the step, or another step"
        raise ArgumentError(f"{name} = {time} is not a whole number of steps of {step}", hint=hint, path=(name,))
    return steps
