"""What a reservoir does: does it forget its initial state, is it chaotic, how much does it remember, how far it sees.

All of these take a `Reservoir`, as ``EchoState.reservoir()`` gives it, but for `horizon_error`, which takes a network.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy
import torch
from torch import Tensor

from ...core.errors import ArgumentError, InputError
from ...functional.reservoir_drive import Array, Reservoir, product_adder
from ...functional.ridge import ridge

RegimeName = Literal["fixed point", "several fixed points", "periodic", "chaotic", "irregular"]


class Regime(NamedTuple):
    """How a reservoir behaves when it is left to itself.

    Attributes:
        name: of the attractors found; "irregular" is none of the others: quasi-periodic, or a slow transient.
        exponent: the largest Lyapunov exponent, 1/step.
        attractors: how many different fixed points were found; 0 where there are none.
        period: of the orbit, in steps; 0 unless periodic.
        orbit: a trajectory after the transient, (time, units).
    """

    name: RegimeName
    exponent: float
    attractors: int
    period: int
    orbit: Array


def echo_state_index(
    reservoir: Reservoir, u: Array, starts: int = 10, transient: int = 100, seed: int = 0
) -> tuple[float, Array]:
    """How far states are apart that heard the same input and began elsewhere: 0 where the echo state property holds.

        ESI = mean over i, n > transient of |x_0(n) - x_i(n)|,   x_0 from zero, x_i from U(-1, 1)

    Args:
        reservoir: any.
        u: the input, (time, features).
        starts: random initial states.
        transient: steps that are left out.
        seed: of the initial states.

    Returns:
        The index, and the distances of all steps, (time, starts).

    Raises:
        InputError: an input not longer than the transient.

    Source: Gallicchio (2018), "Chasing the echo state property", equation 9; Lukosevicius (2012), section 2.
    """
    if len(u) <= transient:
        message = f"the input has {len(u)} steps, the transient is {transient}"
        raise InputError(message, hint="give a longer input or a shorter transient")
    drawn = numpy.random.default_rng(seed).uniform(-1, 1, (reservoir.units, starts))
    x = numpy.concatenate([numpy.zeros((reservoir.units, 1)), drawn], 1)
    states = reservoir.drive(numpy.ascontiguousarray(numpy.repeat(u[:, :, None], starts + 1, 2), dtype=float), x)
    distances = numpy.linalg.norm(states[:, :, 1:] - states[:, :, :1], axis=1)
    return float(distances[transient:].mean()), distances


def largest_lyapunov_exponent(
    reservoir: Reservoir, u: Array, transient: int = 100, x: Array | None = None, seed: int = 0
) -> float:
    """The mean rate, 1/step, at which two states drift apart that differ by an infinitely small vector.

        v(n) = J(n) v(n-1),   J(n) = (1 - a) I + a diag(1 - x~(n)^2) W
        lambda = mean over n > transient of log |v(n)| / |v(n-1)|

    Args:
        reservoir: any.
        u: the input, (time, features); zeros for a reservoir that is left to itself.
        transient: steps after which the mean begins.
        x: the initial state (units,); None: from U(-1, 1).
        seed: of the initial state and of v.

    Raises:
        InputError: an input not longer than the transient.

    Source: Benettin et al. (1980); Verstraeten and Schrauwen (2009) for reservoirs.
    """
    if len(u) <= transient:
        message = f"the input has {len(u)} steps, the transient is {transient}"
        raise InputError(message, hint="give a longer input or a shorter transient")
    source = numpy.random.default_rng(seed)
    start = source.uniform(-1, 1, reservoir.units) if x is None else numpy.asarray(x, dtype=float)
    v = source.standard_normal((reservoir.units, 1))
    v /= numpy.linalg.norm(v)
    states = reservoir.drive(numpy.ascontiguousarray(u[:, :, None], dtype=float), start[:, None])
    add_product, a = product_adder(reservoir.W, 1), reservoir.leak
    before, total = start[:, None], 0.0
    for n, now in enumerate(states):
        candidate = (now - (1 - a) * before) / a  # x~(n), from equation 3
        image = numpy.zeros_like(v)
        add_product(v, image)
        v = (1 - a) * v + a * (1 - candidate**2) * image
        growth = float(numpy.linalg.norm(v))
        if growth == 0:
            return -numpy.inf
        v /= growth
        if n >= transient:
            total += numpy.log(growth)
        before = now
    return total / (len(u) - transient)


def autonomous_regime(
    reservoir: Reservoir, steps: int = 2000, starts: int = 6, transient: int = 1000, seed: int = 0
) -> Regime:
    """What the reservoir does without input, from several random states (catalogue 203).

    Args:
        reservoir: any; its bias counts, so give bias_scale=0 for one that is at rest in zero.
        steps: after the transient.
        starts: random initial states.
        transient: steps that are left out.
        seed: of the initial states.
    """
    x = numpy.random.default_rng(seed).uniform(-1, 1, (reservoir.units, starts))
    silence = numpy.zeros((transient + steps, reservoir.W_in.shape[1], starts))
    orbits = reservoir.drive(silence, x)[transient:]
    exponent = largest_lyapunov_exponent(reservoir, silence[:, :, 0], transient, x[:, 0], seed)
    orbit, end = orbits[:, :, 0], orbits[-1]
    if (numpy.abs(orbits[-1] - orbits[-2]) < 1e-6).all():
        points = _distinct(end.T)
        return Regime("fixed point" if points == 1 else "several fixed points", exponent, points, 0, orbit)
    period = _period(orbit)
    if period:
        return Regime("periodic", exponent, 0, period, orbit)
    return Regime("chaotic" if exponent > 1e-3 else "irregular", exponent, 0, 0, orbit)


def _distinct(points: Array) -> int:
    found: list[Array] = []
    for point in points:
        if all(numpy.abs(point - other).max() > 1e-3 for other in found):
            found.append(point)
    return len(found)


def _period(orbit: Array) -> int:
    """The shortest time after which the end of ``orbit`` is again where it was, within 1e-4; 0: there is none."""
    half = len(orbit) // 2
    distances = numpy.abs(orbit[half:-1] - orbit[-1]).max(1)
    close = numpy.flatnonzero(distances < 1e-4)
    for place in close[::-1]:
        period = len(orbit) - 1 - (half + int(place))
        again = orbit[-half:] - orbit[-half - period : -period]
        if numpy.abs(again).max() < 1e-3:
            return period
    return 0


def memory_capacity(
    reservoir: Reservoir, delays: int | None = None, steps: int = 4000, washout: int = 200, seed: int = 0
) -> tuple[float, Array]:
    """How many of its past inputs a reservoir remembers, by linear read-outs: at most as many as it has units.

        MC = sum over k of r^2(u(n - k), y_k(n)),   u from U(-1, 1)

    Half of the steps are for fitting y_k, the rest for measuring.

    Args:
        reservoir: of one input.
        delays: the largest k; None: twice the units, but no more than a fifth of the steps.
        steps: after the wash-out.
        washout: first steps that are left out.
        seed: of u.

    Returns:
        MC, and r^2 for k = 1, 2, ...

    Raises:
        ArgumentError: a reservoir of several inputs, or more delays than steps can tell.

    Source: Jaeger (2001), "Short term memory in echo state networks", definition 1.
    """
    if reservoir.W_in.shape[1] != 1:
        message = f"the reservoir has {reservoir.W_in.shape[1]} inputs"
        raise ArgumentError(message, hint="memory capacity is of one input", path=("reservoir",))
    delays = min(2 * reservoir.units, steps // 5) if delays is None else delays
    if not 0 < delays <= steps // 4:
        hint = f"give 1 to {steps // 4}, or more steps"
        raise ArgumentError(f"{delays} delays in {steps} steps", hint=hint, path=("delays",))
    washout = max(washout, delays)
    u = numpy.random.default_rng(seed).uniform(-1, 1, washout + steps)
    states = reservoir.drive(u[:, None, None], numpy.zeros((reservoir.units, 1)))[washout:, :, 0]
    past = numpy.stack([u[washout - k : washout - k + steps] for k in range(1, delays + 1)], 1)
    half = steps // 2
    x = torch.from_numpy(numpy.concatenate([numpy.ones((steps, 1)), states], 1))
    W = ridge(x[:half], torch.from_numpy(past[:half]), 1e-9)
    answers, wanted = (x[half:] @ W.T).numpy(), past[half:]
    answers, wanted = answers - answers.mean(0), wanted - wanted.mean(0)
    scale = (answers**2).sum(0) * (wanted**2).sum(0)
    squares = (answers * wanted).sum(0) ** 2 / numpy.where(scale > 0, scale, 1)
    return float(squares.sum()), squares


@torch.no_grad()
def horizon_error(network: Any, series: Tensor, horizon: int = 84, starts: int = 50, warm_up: int = 1000) -> float:
    """The normalized error of a freely running network, some steps after the last value it was told.

        NRMSE_h = sqrt( mean over i of (y_i(h) - u(n_i + h))^2 / var u )

    From ``starts`` places n_i, evenly over the series: the network hears ``warm_up`` values and runs freely.

    Args:
        network: an echo state network that predicts its next input.
        series: that it was not fitted to, (time, features).
        horizon: h, at least 1.
        starts: how many places.
        warm_up: values heard before each; the state at the first of them is zero, and should be forgotten at the last.

    Raises:
        InputError: a series that is too short, or constant.

    Source: Jaeger and Haas (2004), supporting text (NRMSE_84 of the Mackey-Glass series).
    """
    if len(series) < warm_up + horizon + starts:
        message = f"the series has {len(series)} values"
        raise InputError(message, hint=f"give at least {warm_up + horizon + starts} for {starts} starts")
    variance = float(series.double().var(correction=0))
    if not variance > 0:
        raise InputError("the series is constant: an error in units of its spread has no meaning", hint="give another")
    first = torch.linspace(0, len(series) - warm_up - horizon, starts).long()
    heard = torch.stack([series[n : n + warm_up] for n in first.tolist()])
    _, state = network(heard)
    _, state = network.generate(horizon - 1, state)
    truth = series[first + warm_up + horizon - 1]
    return float(((state.y - truth).double().square().mean() / variance).sqrt())
