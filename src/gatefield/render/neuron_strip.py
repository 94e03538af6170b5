"""Running text with the activity of one unit as colour behind each character."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .overlay import heat_colors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 90
_CHARACTER, _LINE = 0.098, 0.24  # inches that a character and a line take
_LINE_END = "⏎"


def neuron_strip(text: str, activity: Any) -> Figure:
    """The characters in reading order, orange behind those where the unit is high, blue where it is low.

    Opacity is the size of the number, full at the largest. Line ends are kept, and shown as a sign of their own.

    Args:
        text: what was read.
        activity: one number a character.

    Raises:
        ArgumentError: another number of numbers than of characters.
    """
    from matplotlib.patches import Rectangle

    values = numpy.asarray(activity, dtype=float)
    if values.shape != (len(text),):
        message = f"{len(text)} characters and numbers of shape {values.shape}"
        raise ArgumentError(message, hint="give one number for each character", path=("activity",))
    places = _places(text)
    lines = max((row for row, _ in places), default=0) + 1
    width, height = _COLUMNS * _CHARACTER + 0.2, lines * _LINE + 0.2
    figure = style.blank(width, height)
    figure.set_layout_engine("none")
    colors, opacity = heat_colors(values)
    for index, (row, column) in enumerate(places):
        x, y = 0.1 + column * _CHARACTER, height - 0.1 - (row + 1) * _LINE
        figure.add_artist(
            Rectangle(
                (x / width, y / height),
                _CHARACTER / width,
                _LINE / height,
                facecolor=(*colors[index], 0.75 * opacity[index]),
                edgecolor="none",
                transform=figure.transFigure,
            )
        )
        shown = _LINE_END if text[index] == "\n" else style.label(text[index])
        if not shown.isspace():
            figure.text(
                (x + _CHARACTER / 2) / width,
                (y + _LINE / 2) / height,
                shown,
                family="monospace",
                size=9.5,
                ha="center",
                va="center",
                color=style.MUTED if text[index] == "\n" else style.INK,
            )
    return style.literal(figure)


def _places(text: str) -> list[tuple[int, int]]:
    """Row and column of each character."""
    places, row, column = [], 0, 0
    for character in text:
        if column == _COLUMNS:
            row, column = row + 1, 0
        places.append((row, column))
        row, column = (row + 1, 0) if character == "\n" else (row, column + 1)
    return places
