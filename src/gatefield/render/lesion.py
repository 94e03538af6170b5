"""What a network can do without its blocks, and which of its paths carry the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .layer_names import layer_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def lesion_figure(names: Sequence[str], error: Any, whole: float) -> Figure:
    """The error without each block, one at a time, beside that of the whole network (Veit et al. 2016, figure 3).

    Args:
        names: of the blocks.
        error: (blocks,), shares in [0, 1].
        whole: the error with all blocks.

    Raises:
        ArgumentError: nothing to draw, or another number of errors than of names.
    """
    from matplotlib.ticker import PercentFormatter

    error = as_array(error).astype(float)
    if not len(names) or len(error) != len(names):
        message = f"{len(error)} errors for {len(names)} blocks"
        raise ArgumentError(message, hint="give one error for each block, and at least one", path=("error",))
    figure = style.blank(float(numpy.clip(0.34 * len(names) + 1.6, 5.2, 11.0)), 3.6)
    axes = style.plain_axes(figure.subplots(), "Error without one block")
    axes.bar(range(len(names)), error, width=0.72, color=style.FIRST, linewidth=0)
    axes.axhline(whole, color=style.SECOND, linewidth=1.3)
    at = {"xycoords": ("axes fraction", "data"), "xytext": (4, 0), "textcoords": "offset points"}
    axes.annotate("whole network", (1, whole), **at, color=style.SECOND, size=9, va="center")
    axes.set_xticks(range(len(names)), layer_names(names), rotation=45, ha="right")
    axes.tick_params(axis="x", labelsize=7.5, rotation_mode="anchor")
    axes.set_ylim(0, max(float(error.max()), whole, 0.01) * 1.08)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
    axes.set_ylabel("error")
    return style.literal(figure)


def damage_figure(x: Any, error: Any, xlabel: str, whole: float) -> Figure:
    """The error after many lesions against how many, or against how far the order is from its own.

    Args:
        x: (points,) or (points, repeats); the line goes through the mean error at each.
        error: (points, repeats), shares in [0, 1].
        xlabel: what x counts.
        whole: the error of the whole network.
    """
    from matplotlib.ticker import PercentFormatter

    error = as_array(error).astype(float)
    x = as_array(x).astype(float)
    x = numpy.broadcast_to(x[:, None] if x.ndim == 1 else x, error.shape)
    figure = style.blank(5.4, 3.4)
    axes = style.plain_axes(figure.subplots(), "Error")
    axes.plot(x.ravel(), error.ravel(), "o", color=style.FIRST, alpha=0.35, markersize=4.5, markeredgewidth=0)
    places = numpy.unique(x.round(9))
    means = [error[numpy.isclose(x, place)].mean() for place in places]
    axes.plot(places, means, color=style.FIRST, linewidth=1.8)
    axes.axhline(whole, color=style.SECOND, linewidth=1.3)
    axes.set_ylim(0, max(float(error.max(initial=0)), whole, 0.01) * 1.08)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
    axes.set_xlabel(xlabel)
    return style.literal(figure)


def path_figure(length: Any, paths: Any, norm: Any, share: Any) -> Figure:
    """How many paths have each length, how much gradient one of them carries, and the two together.

    Args:
        length: (n,), residuals that a path passes.
        paths: (n,), share of all paths.
        norm: (n,), norm of the gradient through one path.
        share: (n,), share of all gradient.

    Source: Veit, Wilber and Belongie 2016, figure 6.
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

    length, paths, norm, share = (as_array(values).astype(float) for values in (length, paths, norm, share))
    figure = style.blank(10.0, 3.1)
    left, middle, right = figure.subplots(1, 3)
    for axes, title, values in ((left, "Share of paths", paths), (right, "Share of gradient", share)):
        style.plain_axes(axes, title).bar(length, values, width=0.8, color=style.FIRST, linewidth=0)
    style.plain_axes(middle, "Gradient of one path")
    middle.plot(length, numpy.where(norm > 0, norm, numpy.nan), "o-", color=style.SECOND, linewidth=1.6, markersize=3.5)
    if (norm > 0).any():
        middle.set_yscale("log")
        middle.minorticks_off()
        middle.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    for axes in (left, middle, right):
        axes.set_xlabel("blocks on the path")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    for axes in (left, right):
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    return style.literal(figure)
