"""Numbers as spikes, and spikes with jitter: what goes into a spiking network. Spikes are 0 and 1, float32."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError


def poisson_spikes(rates: Tensor, dt: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Spikes of Poisson processes, one chance a time step: P(spike) = 1 - exp(-rate dt).

    Args:
        rates: in Hz, at least 0, of any shape; time may be one of its axes.
        dt: the time step in ms.
        generator: source of randomness.

    Raises:
        InputError: negative or NaN rates.
    """
    if not bool((rates >= 0).all()):
        raise InputError("a rate is negative or NaN", hint="give rates in Hz, at least 0")
    chances = -torch.expm1(-rates.float() * dt / 1000)
    drawn = torch.rand(rates.shape, generator=generator, device=generator.device if generator else None)
    return (drawn.to(chances.device) < chances).float()


def threshold_spikes(x: Tensor, threshold: float) -> Tensor:
    """A signal as the moments when it has risen or fallen by ``threshold`` since the last spike of either kind.

    Args:
        x: (batch, time, channels), finite.
        threshold: above 0, in units of x.

    Returns:
        (batch, time, 2 * channels): spikes for up, then those for down. Of a jump by several thresholds one is told at
        a step, the next at the next.

    Raises:
        ArgumentError: a threshold that is not positive.
        InputError: another number of axes, NaN or infinite values.
    """
    if not threshold > 0:
        raise ArgumentError(f"the threshold is {threshold}", hint="give a number above 0", path=("threshold",))
    if x.dim() != 3 or not bool(x.isfinite().all()):
        message = f"a signal of the shape {tuple(x.shape)}, finite or not, cannot be encoded"
        raise InputError(message, hint="give finite numbers, (batch, time, channels)")
    if not x.shape[1]:
        return x.new_zeros(len(x), 0, 2 * x.shape[2], dtype=torch.float32)
    told, spikes = x[:, 0], []
    for value in x.unbind(1):
        up, down = value - told >= threshold, told - value >= threshold
        told = told + threshold * (up.to(x) - down.to(x))
        spikes.append(torch.cat([up, down], 1).float())
    return torch.stack(spikes, 1)


def jittered(
    spikes: Tensor, rows: int, deviation: float, dt: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Copies of a spike template, each spike moved in time by N(0, deviation^2).

    What would leave the window stays at its edge.

    Args:
        spikes: the template, (time, channels).
        rows: how many copies.
        deviation: in ms.
        dt: the time step in ms.
        generator: source of randomness.

    Returns:
        (rows, time, channels). Spikes of a channel that meet are one.

    Source: Maass, Natschlaeger and Markram (2002), section 4.
    """
    times, channels = spikes.nonzero(as_tuple=True)
    moved = times + torch.randn(rows, len(times), generator=generator) * deviation / dt
    places = moved.round().long().clamp(0, max(len(spikes) - 1, 0))
    copies = spikes.new_zeros(rows, *spikes.shape, dtype=torch.float32)
    copies[torch.arange(rows)[:, None], places, channels] = 1.0
    return copies
