"""What each of several answers is due to: a row an answer, a column a place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .overlay import heat_colors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL, _WIDEST, _TALLEST = 0.3, 9.0, 9.0  # inches: a cell where there is room, all columns, all rows
_CHARACTER = 0.075  # inches of a character of a label
_LONGEST = 22  # characters of a label


def position_map(
    rows: Sequence[str], columns: Sequence[str], heat: Any, title: str = "", each_row: bool = False
) -> Figure:
    """Orange where a place speaks for the answer of a row, blue where it speaks against it.

    Opacity is the size of the number, full at the largest.

    Args:
        rows: names of the answers; an empty name writes nothing.
        columns: names of the places.
        heat: (rows, columns).
        title: above the map.
        each_row: full colour is a row's own largest number, not that of the whole map.

    Raises:
        ArgumentError: numbers of another shape, or nothing to show.
    """
    values = as_array(heat).astype(float)
    if values.shape != (len(rows), len(columns)) or not values.size:
        message = f"numbers of shape {values.shape} for {len(rows)} rows and {len(columns)} columns"
        raise ArgumentError(message, hint="give a row for each answer, a column for each place", path=("heat",))
    above, left = [_label(name) for name in columns], [_label(name) for name in rows]
    width, height = min(_CELL * len(columns), _WIDEST), min(_CELL * len(rows), _TALLEST)
    longest = _CHARACTER * max(map(len, above))
    upright = longest > 1.01 * width / _written(above)
    margin = _CHARACTER * max(map(len, left)) + 0.2
    head = (longest if upright else 0.15) + 0.2 + (0.3 if title else 0)
    spare = max(0.11 * len(title) - width, 0.1)  # a title wider than its map
    figure = style.blank(width + margin + spare, height + head + 0.1)
    figure.set_layout_engine("none")
    left_edge, bottom = margin / figure.get_figwidth(), 0.05 / figure.get_figheight()
    axes = style.bare_axes(
        figure.add_axes((left_edge, bottom, width / figure.get_figwidth(), height / figure.get_figheight()))
    )
    largest = numpy.abs(values).max(axis=1 if each_row else None, keepdims=True)
    colors, opacity = heat_colors(values / numpy.where(largest > 0, largest, 1))
    axes.imshow(numpy.concatenate([colors, opacity[..., None]], 2), aspect="auto", interpolation="nearest")
    axes.set_xticks(range(len(above)), above, rotation=90 if upright else 0)
    axes.set_yticks(range(len(left)), left)
    axes.xaxis.tick_top()
    axes.tick_params(colors=style.INK, length=0, pad=3)
    axes.tick_params("x", labelsize=_size(width, above))
    axes.tick_params("y", labelsize=_size(height, left))
    if width == _CELL * len(columns):  # thin cells would be all lines
        for edge in range(len(columns) + 1):
            axes.axvline(edge - 0.5, color=style.HAIRLINE, linewidth=0.6)
    for edge in range(len(rows) + 1) if height == _CELL * len(rows) else (0, len(rows)):
        axes.axhline(edge - 0.5, color=style.HAIRLINE, linewidth=0.6)
    if title:
        axes.set_title(title, loc="left", color=style.INK, size=10.5, weight="bold", pad=10)
    return style.literal(figure)


def _size(length: float, names: Sequence[str]) -> float:
    """Points of the ``names`` along ``length`` inches, so that those that are written keep apart."""
    return float(numpy.clip(72 * 0.8 * length / _written(names), 4.5, 8.5))


def _written(names: Sequence[str]) -> int:
    """How many ``names`` are not empty; at least 1."""
    return max(sum(map(bool, names)), 1)


def _label(name: str) -> str:
    """``name`` on one line; white space as a sign that can be seen."""
    return style.label(name, _LONGEST) if name.strip() or not name else "␣" * min(len(name), _LONGEST)
