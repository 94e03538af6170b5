"""A series, and at every step how sure a network was that it rises next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core.errors import ArgumentError
from . import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PALE = 0.35


def direction_figure(
    values: Sequence[float], stamps: Sequence[str], chances: Sequence[float], rises: Sequence[bool], name: str
) -> Figure:
    """The series above bars that stand up from one half, or hang down from it; pale where they were wrong.

    Args:
        values: of the series.
        stamps: when each step was.
        chances: of a rise after each step, in [0, 1].
        rises: whether it came.
        name: of the series.

    Raises:
        ArgumentError: no step, or lists of different lengths.
    """
    lengths = {len(values), len(stamps), len(chances), len(rises)}
    if len(lengths) > 1 or not values:
        message = f"{len(values)} values, {len(stamps)} stamps, {len(chances)} chances and {len(rises)} rises"
        raise ArgumentError(message, hint="give one of each for every step")
    figure = style.blank(10.0, 4.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    steps = list(range(len(values)))
    style.plain_axes(above, style.label(name, 60))
    above.plot(steps, values, color=style.INK, linewidth=1.4)
    style.plain_axes(below, "Chance of a rise after each step: orange up, blue not up, pale where wrong")
    heights = [chance - 0.5 for chance in chances]
    for up, color in ((True, style.SECOND), (False, style.FIRST)):
        for right, opacity in ((True, 1.0), (False, _PALE)):
            chosen = [step for step in steps if (chances[step] > 0.5) == up and (up == rises[step]) == right]
            bars = [heights[step] for step in chosen]
            below.bar(chosen, bars, width=0.85, bottom=0.5, color=color, alpha=opacity, linewidth=0)
    reach = max(max(map(abs, heights)), 0.05) * 1.15
    below.set_ylim(0.5 - reach, 0.5 + reach)
    below.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    places = steps[:: max(len(steps) // 6, 1)]
    below.set_xticks(places, [style.label(stamps[place], 20) for place in places])
    return style.literal(figure)
