"""What reservoirs do at different spectral radii: forget, swing or run wild, and how much they remember."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import ArgumentError
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def regime_figure(
    radii: Sequence[float],
    exponents: Sequence[float],
    capacities: Sequence[float],
    orbits: Mapping[float, Sequence[float]] | None = None,
) -> Figure:
    """Largest Lyapunov exponent and memory capacity over the spectral radius, and what single units do.

    Args:
        radii: spectral radii, in rising order.
        exponents: largest Lyapunov exponents, 1/step; above 0 the reservoir is chaotic.
        capacities: memory capacities, in steps.
        orbits: spectral radius -> a trajectory of one unit, drawn one below the other.

    Raises:
        ArgumentError: another number of exponents or capacities than of radii.
    """
    for name, values in (("exponents", exponents), ("capacities", capacities)):
        if len(values) != len(radii):
            message = f"{len(values)} {name} for {len(radii)} radii"
            raise ArgumentError(message, hint="give one for each radius", path=(name,))
    orbits = orbits or {}
    figure = style.blank(10.0, 3.3 + 0.7 * len(orbits))
    parts: Any = figure.subfigures(2, 1, height_ratios=[3.3, 0.7 * len(orbits)]) if orbits else [figure]
    above, *below = parts
    left, right = above.subplots(1, 2)
    axes = style.plain_axes(left, "Largest Lyapunov exponent, 1/step")
    axes.axhline(0, color=style.MUTED, linewidth=1)
    axes.plot(radii, exponents, color=style.FIRST, linewidth=1.8)
    _shade_chaos(axes, radii, exponents)
    axes = style.plain_axes(right, "Memory capacity, steps")
    axes.plot(radii, capacities, color=style.SECOND, linewidth=1.8)
    axes.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlabel("spectral radius")
    if below:
        for axes, (radius, orbit) in zip(below[0].subplots(len(orbits), 1, squeeze=False)[:, 0], orbits.items()):
            style.bare_axes(axes).plot(orbit, color=style.INK, linewidth=0.9)
            axes.set_ylim(-1.1, 1.1)
            axes.set_ylabel(f"{radius:g}", rotation=0, ha="right", va="center", color=style.MUTED, fontsize=9)
    return style.literal(figure)


def _shade_chaos(axes: Axes, radii: Sequence[float], exponents: Sequence[float]) -> None:
    """The stretches between radii where the exponent is clearly positive at both ends."""
    for k in range(len(radii) - 1):
        if min(exponents[k], exponents[k + 1]) > 1e-3:  # on a torus it is 0, and measured a little beside it
            axes.axvspan(radii[k], radii[k + 1], color=style.SECOND, alpha=0.12, linewidth=0)
