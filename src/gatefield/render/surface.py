"""The loss around trained weights: a profile along lines, contours and a relief over a plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAP = "cividis"  # the same for all forms of colour vision


def loss_profile(x: Any, losses: Mapping[str, Any]) -> Figure:
    """The loss along one direction, a line for each of ``losses``: name -> (len(x),)."""
    from matplotlib.ticker import StrMethodFormatter

    if not losses:
        raise ArgumentError("there is no loss to draw", hint="give at least one line", path=("losses",))
    x = as_array(x).astype(float)
    figure = style.blank(5.6, 3.4)
    axes = style.plain_axes(figure.subplots(), "Loss along a direction")
    colors = [style.FIRST, style.SECOND, style.INK, style.MUTED]
    for k, (name, values) in enumerate(losses.items()):
        axes.plot(x, as_array(values).astype(float), color=colors[k % len(colors)], linewidth=1.8, label=name)
    axes.axvline(0, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)))
    axes.set_xlabel("step, in lengths of the filters")
    if _wide(numpy.concatenate([as_array(values).ravel() for values in losses.values()])):
        axes.set_yscale("log")
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    if len(losses) > 1:
        axes.legend(frameon=False, fontsize=9, labelcolor=style.MUTED)
    return style.literal(figure)


def loss_contours(x: Any, y: Any, loss: Any, way: Any = None, explained: Any = None) -> Figure:
    """Lines of equal loss over a plane, the weights in the middle (Li et al. 2018, figure 5).

    Args:
        x, y: coordinates (n,) and (m,).
        loss: (m, n).
        way: (checkpoints, 2), where training went; None draws none.
        explained: (2,), the share of the way's variance along each axis, in [0, 1].

    Raises:
        ArgumentError: shapes that do not fit, or fewer than two points an axis.
    """
    from matplotlib.ticker import MaxNLocator

    x, y, values, title = _plane(x, y, loss)
    figure = style.blank(5.8, 5.0)
    axes = style.plain_axes(figure.subplots(), title)
    axes.grid(visible=False)
    levels = numpy.linspace(values.min(), values.max(), 22)
    if levels[0] < levels[-1]:
        filled = axes.contourf(x, y, values, levels=levels, cmap=_MAP, alpha=0.85)
        axes.contour(x, y, values, levels=levels, colors="white", linewidths=0.5, linestyles="solid", alpha=0.6)
        bar = figure.colorbar(filled, ax=axes, shrink=0.9, pad=0.02, ticks=MaxNLocator(6))
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
        bar.ax.tick_params(colors=style.MUTED, labelsize=8.5, length=0)
    if way is not None:
        _draw_way(axes, as_array(way).astype(float))
    axes.plot([0], [0], "o", markersize=7, markerfacecolor=style.SECOND, markeredgecolor="white", markeredgewidth=1.2)
    share = [""] * 2 if explained is None else [f", {part:.0%} of the way" for part in as_array(explained).tolist()]
    axes.set(xlabel=f"first direction{share[0]}", ylabel=f"second direction{share[1]}")
    axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
    return style.literal(figure)


def loss_relief(x: Any, y: Any, loss: Any) -> Figure:
    """The loss over a plane as a landscape; arguments and errors as for `loss_contours`."""
    x, y, values, title = _plane(x, y, loss)
    figure = style.blank(6.0, 5.0)
    axes: Any = figure.add_subplot(projection="3d")
    axes.set_title(title, loc="left", color=style.INK, size=10.5, weight="bold")
    axes.set_facecolor("none")
    X, Y = numpy.meshgrid(x, y)
    axes.plot_surface(X, Y, values, cmap=_MAP, linewidth=0, antialiased=True, rcount=80, ccount=80)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis.line.set_color(style.HAIRLINE)
        axis._axinfo["grid"].update(color=style.HAIRLINE, linewidth=0.6)
    axes.tick_params(colors=style.MUTED, labelsize=8, pad=0)
    axes.view_init(elev=38, azim=-55)
    return style.literal(figure)


def _plane(x: Any, y: Any, loss: Any) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray, str]:
    """Coordinates, losses or their logarithms, and what these are called."""
    x, y, values = (as_array(part).astype(float) for part in (x, y, loss))
    if values.shape != (len(y), len(x)) or min(values.shape) < 2:
        message = f"a surface of shape {values.shape} over {len(y)} x {len(x)} points"
        raise ArgumentError(message, hint="give loss (len(y), len(x)), at least 2 x 2", path=("loss",))
    finite = values[numpy.isfinite(values)]
    if not len(finite):
        raise ArgumentError("no loss is finite", hint="take smaller steps", path=("loss",))
    values = numpy.where(numpy.isfinite(values), values, finite.max())  # beyond the numbers: as high as the highest
    return (x, y, numpy.log10(values), "Loss, as a power of ten") if _wide(values) else (x, y, values, "Loss")


def _wide(values: numpy.ndarray) -> bool:
    """Whether the values are positive and differ by more than a factor of 20."""
    finite = values[numpy.isfinite(values)]
    return bool(len(finite)) and finite.min() > 0 and finite.max() > 20 * finite.min()


def _draw_way(axes: Axes, way: numpy.ndarray) -> None:
    axes.plot(*way.T, color="white", linewidth=2.6, solid_capstyle="round")
    axes.plot(*way.T, color=style.SECOND, linewidth=1.4, marker="o", markersize=3.5)
