"""A sequence of which something must be remembered, and whether a network looks at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .position_map import position_map
from .signed_bars import signed_bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 9.0  # inches


def remembered_figure(steps: Any, panels: Mapping[str, Any], marked: Sequence[int]) -> Figure:
    """What stands at each step, and a panel of bars for each method: orange speaks for the answer, blue against it.

    Args:
        steps: symbols, of which an empty one writes nothing; or numbers (time,), which are drawn as bars.
        panels: title -> one number for each step.
        marked: the steps to shade, from 0.

    Raises:
        ArgumentError: another number of numbers than of steps, or no such step.
    """
    numbers = None if len(steps) and isinstance(steps[0], str) else as_array(steps).astype(float)
    bars = {name: as_array(values).astype(float) for name, values in panels.items()}
    wrong = [name for name, values in bars.items() if values.shape != (len(steps),)]
    if wrong or not all(0 <= step < len(steps) for step in marked):
        message = f"the panel '{wrong[0]}' does not fit" if wrong else f"steps {list(marked)} are not all among"
        raise ArgumentError(f"{message} {len(steps)} steps", hint="give one number for each step, and steps from 0")
    head = 0.35 if numbers is None else 1.0
    figure = style.blank(_WIDTH, head + 0.4 + 1.15 * len(bars))
    ratios = [head, *[1.0] * len(bars)]
    top, *below = figure.subplots(1 + len(bars), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    places = numpy.arange(len(steps))
    style.bare_axes(top)
    if numbers is None:
        size = float(numpy.clip(72 * _WIDTH / max(sum(map(bool, steps)), 1), 4.5, 11.0))
        for place, symbol in enumerate(steps):
            mine = place in marked
            weight, color = ("bold", style.INK) if mine else ("normal", style.MUTED)
            top.text(place, 0.5, symbol, ha="center", va="center", size=size, weight=weight, color=color)
        top.set_ylim(0, 1)
    else:
        top.bar(places, numbers, width=0.7, color=style.MUTED, alpha=0.45, linewidth=0)
        for step in marked:
            top.bar(step, numbers[step], width=0.7, color=style.INK, linewidth=0)
            top.annotate(
                f"{numbers[step]:.2f}",
                (step, numbers[step]),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                color=style.INK,
                size=9,
                weight="bold",
            )
        top.margins(y=0.2)
    for axes, (name, values) in zip(below, bars.items()):
        signed_bars(axes, places, values, name)
    top.tick_params(length=0)
    for axes in figure.axes:
        axes.set_xlim(-0.7, len(steps) - 0.3)
        for step in marked:
            axes.axvspan(step - 0.5, step + 0.5, color=style.SECOND, alpha=0.12, linewidth=0, zorder=0)
    figure.axes[-1].set_xlabel("step")
    every = max(len(steps) // 10, 1)
    figure.axes[-1].set_xticks(places[::every], [str(place + 1) for place in places[::every]])
    return style.literal(figure)


def remembered_map(
    rows: Sequence[str], columns: Sequence[str], heat: Any, cells: Sequence[tuple[int, int]], title: str = ""
) -> Figure:
    """A `position_map` with a frame around each of ``cells``, (row, column): what the answers ought to be due to."""
    from matplotlib.patches import Rectangle

    figure = position_map(rows, columns, heat, title)
    (axes,) = figure.axes
    for row, column in cells:
        frame = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="none", edgecolor=style.INK, linewidth=1.1)
        axes.add_patch(frame)
    return figure
