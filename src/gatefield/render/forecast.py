"""Forecasts: the past, what is expected, how sure that is, and what simpler forecasters say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHES = [(0, (1, 1.2)), (0, (4, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (3, 3))]


@dataclass(frozen=True)
class Panel:
    """One series and its forecast.

    Attributes:
        title: above the panel.
        past: values before the forecast, oldest first.
        forecast: values ahead.
        lower, upper: bounds; NaN where there are none.
        baselines: title -> values ahead.
        actual: what came, where that is known.
    """

    title: str
    past: Sequence[float]
    forecast: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    baselines: Mapping[str, Sequence[float]] = field(default_factory=dict)
    actual: Sequence[float] = ()


def forecast_figure(panels: Sequence[Panel], stamps: Sequence[str], interval: str = "interval") -> Figure:
    """One panel below the other, over the same steps.

    Args:
        panels: of equal lengths.
        stamps: of all steps, past and ahead.
        interval: what the shaded band is called.
    """
    figure = style.blank(10.0, 0.6 + 2.9 * len(panels))
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for panel, axes in zip(panels, all_axes):
        style.plain_axes(axes, style.label(panel.title, 60))
        _draw(axes, panel, interval)
    past = len(panels[0].past)
    stamp_ticks(all_axes[-1], stamps, past)
    handles, labels = all_axes[0].get_legend_handles_labels()
    where = {"loc": "outside lower center", "ncols": 7, "columnspacing": 1.3, "handlelength": 1.6}
    figure.legend(handles, labels, **where, frameon=False, fontsize=9, labelcolor=style.MUTED)
    return style.literal(figure)


def _draw(axes: Axes, panel: Panel, interval: str) -> None:
    past, ahead = len(panel.past), len(panel.forecast)
    before, after = range(past), range(past, past + ahead)
    dots = "o" if ahead == 1 else ""
    axes.fill_between(after, panel.lower, panel.upper, color=style.SECOND, alpha=0.18, linewidth=0, label=interval)
    for dash, (name, values) in zip(_DASHES, panel.baselines.items()):
        axes.plot(
            after, values, color=style.MUTED, linewidth=1.2, linestyle=dash, marker=dots, markersize=3, label=name
        )
    axes.plot(before, panel.past, color=style.FIRST, linewidth=1.4, label="series")
    if panel.actual:
        axes.plot(
            range(past - 1, past + len(panel.actual)),
            [panel.past[-1], *panel.actual],
            color=style.FIRST,
            linewidth=1.4,
            alpha=0.55,
            label="what came",
        )
    axes.plot(after, panel.forecast, color=style.SECOND, linewidth=2.0, marker=dots, markersize=4, label="network")
    axes.axvline(past - 0.5, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
    axes.margins(x=0.01)


def horizon_figure(
    errors: Mapping[str, Sequence[float]], coverages: Mapping[str, Sequence[float]], nominal: float, measure: str
) -> Figure:
    """Error and coverage at each step of the horizon.

    Args:
        errors: forecaster -> error of each step; the first one is the network.
        coverages: likewise, in [0, 1].
        nominal: the coverage that was wanted.
        measure: what the error is called.
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = style.blank(10.0, 3.3)
    left, right = figure.subplots(1, 2)
    for axes, lines, title in ((left, errors, measure), (right, coverages, "Coverage of the intervals")):
        style.plain_axes(axes, title)
        for number, (name, values) in enumerate(lines.items()):
            look = (
                {"color": style.SECOND, "linewidth": 2.0, "zorder": 5}
                if number == 0
                else {"color": style.MUTED, "linewidth": 1.2, "linestyle": _DASHES[(number - 1) % len(_DASHES)]}
            )
            dots = "o" if len(values) == 1 else ""
            axes.plot(range(1, len(values) + 1), values, marker=dots, markersize=4, label=name, **look)
        axes.set_xlabel("steps ahead")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    left.set_ylim(bottom=0)
    right.axhline(nominal, color=style.INK, linewidth=0.9, linestyle=(0, (2, 3)), label="wanted")
    low = min([nominal, *(value for values in coverages.values() for value in values)])
    right.set_ylim(min(0.5, max(low - 0.05, 0)), 1.02)
    right.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    handles, labels = right.get_legend_handles_labels()
    where = {"loc": "outside lower center", "ncols": 7, "columnspacing": 1.3, "handlelength": 1.6}
    figure.legend(handles, labels, **where, frameon=False, fontsize=9, labelcolor=style.MUTED)
    return style.literal(figure)


def stamp_ticks(axes: Axes, stamps: Sequence[str], past: int) -> None:
    """At most eight stamps, that of the step ``past`` among them; without days or seconds that say nothing."""
    count = len(stamps)
    every = max(1, -(-count // 8))
    places = list(range(past % every, count, every))
    shown = [stamps[place] for place in places]
    if all(stamp.endswith("-01") for stamp in stamps):
        shown = [stamp.removesuffix("-01") for stamp in shown]
    lines = [style.label(stamp, 19).removesuffix(":00").replace(" ", "\n") for stamp in shown]
    axes.set_xticks(places, lines)
