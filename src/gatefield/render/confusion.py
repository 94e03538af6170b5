"""The confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def confusion_figure(matrix: Any, classes: Sequence[str]) -> Figure:
    """Which class is taken for which.

    A cell's colour is its share of its row, blue where the class was recognised and orange where it was mistaken;
    opacity is the square root of the share, so that one mistake in a hundred can still be seen. Counts are written
    where they fit.

    Args:
        matrix: counts (classes, classes), true classes down, predicted ones across.
        classes: the names.
    """
    counts = numpy.asarray(matrix)
    number = len(classes)
    cell = min(1.1, max(0.092, 5.8 / max(number, 1)))  # inches
    digits = len(str(int(counts.max(initial=0))))
    font = min(11.0, 72 * cell / (0.68 * digits + 0.6))
    names = [style.label(name, 20) for name in classes]
    margin = 0.45 + 0.075 * max((len(name) for name in names), default=0)

    figure = style.blank(cell * number + margin + 0.5, cell * number + margin + 0.35)
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.imshow(cell_colors(counts), interpolation="none", aspect="equal")
    axes.spines[:].set_color(style.HAIRLINE)
    step = 1 if number <= 110 else -(-number // 50)
    size = min(9.5, max(4.6, 72 * cell * step * 0.7))
    upright = max((len(name) for name in names), default=0) * 0.62 * size > 72 * cell * 0.95
    axes.set_xticks(range(0, number, step), names[::step], rotation=90 if upright else 0)
    axes.set_yticks(range(0, number, step), names[::step])
    axes.tick_params(colors=style.INK, labelsize=size, length=0, pad=4)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("predicted", color=style.MUTED, size=9, labelpad=8)
    axes.set_ylabel("true", color=style.MUTED, size=9, labelpad=8)
    if number <= 30:
        _separate(axes, number)
    if font >= 5.5:
        _write_counts(axes, counts, font)
    return style.literal(figure)


def cell_colors(counts: numpy.ndarray) -> numpy.ndarray:
    """RGBA in [0, 1] for each cell, (classes, classes, 4); transparent where nothing was counted."""
    from matplotlib.colors import to_rgb

    totals = counts.sum(axis=1, keepdims=True)
    share = counts / numpy.maximum(totals, 1)
    colors = numpy.empty((*counts.shape, 4))
    colors[..., :3] = to_rgb(style.SECOND)
    colors[range(len(counts)), range(len(counts)), :3] = to_rgb(style.FIRST)
    colors[..., 3] = numpy.sqrt(share)
    return colors


def _separate(axes: Axes, number: int) -> None:
    """Hairlines between the cells."""
    for edge in range(1, number):
        axes.axhline(edge - 0.5, color=style.HAIRLINE, linewidth=0.6)
        axes.axvline(edge - 0.5, color=style.HAIRLINE, linewidth=0.6)


def _write_counts(axes: Axes, counts: numpy.ndarray, font: float) -> None:
    opacity = cell_colors(counts)[..., 3]
    for (row, column), count in numpy.ndenumerate(counts):
        if count:
            color = "white" if opacity[row, column] > 0.75 else style.INK
            axes.text(column, row, f"{count}", ha="center", va="center", fontsize=font, color=color)
