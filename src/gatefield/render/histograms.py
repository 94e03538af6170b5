"""How the values of layers are spread, one above the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .layer_names import layer_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def histogram_figure(histograms: Mapping[str, tuple[Any, Any]], title: str = "") -> Figure:
    """A histogram for each layer, from the input down, each on scales of its own; 0 is marked.

    Args:
        histograms: name -> counts (bins,) and edges (bins + 1,).
        title: above the first.

    Raises:
        ArgumentError: nothing to draw, or counts and edges that do not fit.
    """
    if not histograms:
        raise ArgumentError("there is no histogram to draw", hint="give at least one", path=("histograms",))
    columns = 2 if len(histograms) > 6 else 1
    rows = -(-len(histograms) // columns)
    figure = style.blank(4.6 * columns + 1.0, 0.62 * rows + 0.7)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    labels = layer_names(histograms)
    for axes, label, (name, (counts, edges)) in zip(grid.T.flat, labels, histograms.items()):
        counts, edges = as_array(counts).astype(float), as_array(edges).astype(float)
        if len(edges) != len(counts) + 1:
            message = f"'{name}' has {len(counts)} counts and {len(edges)} edges"
            raise ArgumentError(message, hint="give one edge more than counts", path=("histograms", name))
        axes.set_axis_on()
        style.plain_axes(axes).grid(visible=False)
        # the square root: a spike at 0 must not hide everything else
        axes.stairs(numpy.sqrt(counts), edges, fill=True, color=style.FIRST, alpha=0.85, linewidth=0)
        if edges[0] < 0 < edges[-1]:
            axes.axvline(0, color=style.SECOND, linewidth=0.9)
        axes.set_yticks([])
        axes.set_xticks([edges[0], edges[-1]], [f"{edges[0]:.2g}", f"{edges[-1]:.2g}"])
        axes.tick_params(labelsize=7.5, pad=2)
        axes.set_ylabel(label, rotation=0, ha="right", va="center", color=style.INK, size=8.5)
    if title:
        figure.suptitle(title, x=0.01, ha="left", color=style.INK, size=10.5, weight="bold")
    return style.literal(figure)
