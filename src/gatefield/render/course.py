"""The course of a series, and below it what each step counts for where it goes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .signed_bars import signed_bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STAMPS = 6  # that are written below the steps, about
_PALE = 0.35


def course_figure(
    values: Any, stamps: Sequence[str], asked: int, said: str, panels: Mapping[str, Any], title: str = ""
) -> Figure:
    """A series with a dot at the step asked about, and a panel of bars for each method: orange is for, blue against.

    Args:
        values: of the series, (steps,).
        stamps: when each step was.
        asked: the number of the step, from 0; what comes later is drawn pale.
        said: what is said of it, written beside the dot.
        panels: title -> one number for each step.
        title: above the series.

    Raises:
        ArgumentError: no such step, or another number of numbers than of steps.
    """
    series = as_array(values).astype(float)
    bars = {name: as_array(numbers).astype(float) for name, numbers in panels.items()}
    wrong = [name for name, numbers in {"stamps": numpy.array(stamps), **bars}.items() if numbers.shape != series.shape]
    if wrong or not 0 <= asked < len(series):
        message = f"'{wrong[0]}' does not fit" if wrong else f"there is no step {asked} in"
        raise ArgumentError(
            f"{message} a series of {len(series)} steps", hint="give one number and one stamp for each step"
        )
    figure = style.blank(9.0, 2.4 + 1.1 * len(bars))
    top, *below = figure.subplots(1 + len(bars), 1, sharex=True, squeeze=False, height_ratios=[2, *[1] * len(bars)])[
        :, 0
    ]
    steps = numpy.arange(len(series))
    style.plain_axes(top, style.label(title, 60))
    top.plot(steps[asked:], series[asked:], color=style.FIRST, linewidth=1.4, alpha=_PALE)
    top.plot(steps[: asked + 1], series[: asked + 1], color=style.FIRST, linewidth=1.4)
    top.plot(asked, series[asked], "o", color=style.SECOND, markersize=7)
    right = asked > 0.8 * len(series)
    top.annotate(
        said,
        (asked, series[asked]),
        xytext=(-9 if right else 9, 7),
        textcoords="offset points",
        ha="right" if right else "left",
        color=style.INK,
        size=9.5,
        weight="bold",
    )
    top.margins(y=0.15)
    for axes, (name, numbers) in zip(below, bars.items()):
        signed_bars(axes, steps, numbers, name)
    for axes in figure.axes:
        axes.margins(x=0.01)
        if asked < len(series) - 1:
            axes.axvline(asked + 0.5, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
    places = steps[:: max(len(steps) // _STAMPS, 1)]
    figure.axes[-1].set_xticks(places, [style.label(stamps[place], 20) for place in places])
    return style.literal(figure)
