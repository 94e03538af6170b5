"""What a forecast is made of: the past, the forecast, and below them what each step back counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .signed_bars import signed_bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def contribution_figure(past: Any, forecast: Any, marked: int, panels: Mapping[str, Any], title: str = "") -> Figure:
    """A series with its forecast, and a panel of bars for each method: orange raises the marked forecast, blue lowers.

    Args:
        past: (window,), oldest first.
        forecast: (horizon,).
        marked: the step ahead that is explained, from 0.
        panels: title -> one number for each step of the past.
        title: above the series.

    Raises:
        ArgumentError: no such step, or another number of numbers than of steps.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    seen, ahead = as_array(past).astype(float), as_array(forecast).astype(float)
    bars = {name: as_array(values).astype(float) for name, values in panels.items()}
    wrong = [name for name, values in bars.items() if values.shape != seen.shape]
    if wrong or not 0 <= marked < len(ahead):
        what = f"the panel '{wrong[0]}'" if wrong else f"step {marked} of {len(ahead)}"
        message = f"{what} does not fit a past of {len(seen)} steps and a forecast of {len(ahead)}"
        raise ArgumentError(message, hint="give one number for each step of the past, and a step ahead from 0")
    figure = style.blank(9.0, 2.6 + 1.1 * len(bars))
    top, *below = figure.subplots(1 + len(bars), 1, sharex=True, squeeze=False, height_ratios=[2.2, *[1] * len(bars)])[
        :, 0
    ]
    back, forward = numpy.arange(-len(seen), 0), numpy.arange(len(ahead))
    style.plain_axes(top, style.label(title, 60))
    top.plot(back, seen, color=style.FIRST, linewidth=1.4)
    top.plot(
        [-1, *forward] if len(seen) else forward, [*seen[-1:], *ahead], color=style.SECOND, linewidth=1.2, alpha=0.6
    )
    top.plot(marked, ahead[marked], "o", color=style.SECOND, markersize=7)
    for axes, (name, values) in zip(below, bars.items()):
        signed_bars(axes, back, values, name)
    for axes in figure.axes:
        axes.axvline(-0.5, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
        axes.margins(x=0.01)
    steps = figure.axes[-1]
    steps.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    steps.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"+{step + 1:.0f}" if step >= 0 else f"−{-step:.0f}"))
    steps.set_xlabel("steps back (−) and ahead (+)")
    return style.literal(figure)
