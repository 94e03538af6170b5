"""What gates do: traces over a sequence, and how often they are open or shut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def gate_figure(gates: Mapping[str, Any], symbols: Sequence[str] | None = None, limit: int = 32) -> Figure:
    """The gates of one sequence, a panel each: time across, units down.

    Args:
        gates: name -> (time, units); values between 0 and 1 run from white to blue, signed ones from blue over white
            to orange.
        symbols: what was read at each step, written below; None writes none.
        limit: units to show, the first ones.

    Raises:
        ArgumentError: nothing to show, shapes that do not fit, or another number of symbols than of steps.
    """
    from matplotlib.colors import LinearSegmentedColormap

    values = {name: as_array(trace).astype(float) for name, trace in gates.items()}
    shapes = {trace.shape[0] for trace in values.values()} if all(t.ndim == 2 for t in values.values()) else set()
    if len(shapes) != 1 or (symbols is not None and {len(symbols)} != shapes):
        found = ", ".join(f"{name} {trace.shape}" for name, trace in values.items()) or "nothing"
        hint = "give each gate as (time, units), and one symbol a step"
        raise ArgumentError(f"gates to draw: {found}", hint=hint, path=("gates",))
    (time,) = shapes
    units = [min(trace.shape[1], limit) for trace in values.values()]
    height = [max(0.055 * count, 0.5) for count in units]
    width = float(numpy.clip(0.13 * time, 4.0, 11.0))
    figure = style.blank(width + 1.2, sum(height) + 0.35 * len(values) + 0.4)
    panels = figure.subplots(len(values), 1, squeeze=False, height_ratios=height, sharex=True)[:, 0]
    opening = LinearSegmentedColormap.from_list("opening", ["#fefefe", style.FIRST])
    signed = LinearSegmentedColormap.from_list("signed", [style.FIRST, "#fefefe", style.SECOND])
    for axes, (name, trace) in zip(panels, values.items()):
        style.bare_axes(axes).tick_params(length=0)
        shown = trace[:, :limit].T
        logistic = shown.min(initial=0) >= 0 and shown.max(initial=0) <= 1
        largest = 1.0 if logistic else max(float(numpy.abs(shown).max(initial=0)), 1e-12)
        colors = opening if logistic else signed
        axes.imshow(shown, cmap=colors, vmin=0 if logistic else -largest, vmax=largest, aspect="auto")
        axes.set_ylabel(name, rotation=0, ha="right", va="center", color=style.INK, size=10, weight="bold", labelpad=8)
        axes.spines[:].set(visible=True, color=style.HAIRLINE)
        more = f" of {trace.shape[1]}" if trace.shape[1] > limit else ""
        axes.set_title(f"{shown.shape[0]}{more} units", loc="right", color=style.MUTED, size=8, pad=3)
    if symbols is not None:
        size = float(numpy.clip(72 * width / max(time, 1) * 0.75, 3.5, 9))
        words = max(map(len, symbols), default=0) > 1
        marks = [style.label(symbol.replace(" ", "·").replace("\n", "↵"), 12) for symbol in symbols]
        panels[-1].set_xticks(range(time), marks, fontsize=size, rotation=90 if words else 0, color=style.INK)
    panels[-1].set_xlabel("step", color=style.MUTED, size=9)
    return style.literal(figure)


def saturation_figure(gates: Mapping[str, tuple[Any, Any]]) -> Figure:
    """How often each unit's gate is open (up) and shut (right), a panel for each gate (Karpathy et al. 2015, figure 3).

    Units in the lower left corner are never saturated; those on the diagonal always.

    Args:
        gates: name -> shares in [0, 1], (units,) shut and (units,) open.

    Raises:
        ArgumentError: nothing to show.
    """
    from matplotlib.ticker import PercentFormatter

    if not gates:
        raise ArgumentError("there is no gate to draw", hint="give at least one", path=("gates",))
    figure = style.blank(2.7 * len(gates) + 0.3, 3.0)
    for axes, (name, (shut, opened)) in zip(figure.subplots(1, len(gates), squeeze=False)[0], gates.items()):
        style.plain_axes(axes, name)
        axes.plot([0, 1], [1, 0], color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
        axes.plot(as_array(shut).ravel(), as_array(opened).ravel(), "o", color=style.FIRST, alpha=0.5, markersize=5)
        axes.lines[-1].set_markeredgewidth(0)
        axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), xlabel="shut", ylabel="open", aspect="equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
            axis.set_ticks([0, 0.5, 1])
    return style.literal(figure)
