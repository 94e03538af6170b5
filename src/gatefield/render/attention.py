"""Where a network looked while it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL = 0.3  # inches that a row takes, and a column of short symbols
_CHARACTER = 0.075  # inches of a character of a label
_LONGEST = 16  # characters of a label


def attention_map(source: Sequence[str], target: Sequence[str], weights: Any, title: str = "") -> Figure:
    """A row for each symbol that was written, a column for each that was read; the darker, the more it was looked at.

    White is 0 and full colour is 1, so that two maps can be compared.

    Args:
        source: the symbols that were read.
        target: those that were written.
        weights: (target, source), in [0, 1].
        title: above the map.

    Raises:
        ArgumentError: weights of another shape, or nothing to show.
    """
    values = weights.detach().cpu().double().numpy() if hasattr(weights, "detach") else numpy.asarray(weights, float)
    if values.shape != (len(target), len(source)) or not values.size:
        message = f"weights of shape {values.shape} for {len(target)} symbols that looked at {len(source)}"
        raise ArgumentError(message, hint="give a row for each symbol of the target", path=("weights",))
    columns, rows = ([_label(symbol) for symbol in side] for side in (source, target))
    upright = max(map(len, columns)) > 4  # then the labels above stand on end
    left = _CHARACTER * max(map(len, rows)) + 0.2
    above = (_CHARACTER * max(map(len, columns)) if upright else 0.15) + 0.2 + (0.3 if title else 0)
    figure = style.blank(_CELL * len(source) + left + 0.1, _CELL * len(target) + above + 0.1)
    axes = style.bare_axes(figure.add_subplot())
    axes.imshow(_colors(values), aspect="equal", interpolation="nearest")
    axes.set_xticks(range(len(columns)), columns, rotation=90 if upright else 0)
    axes.set_yticks(range(len(rows)), rows)
    axes.xaxis.tick_top()
    axes.tick_params(colors=style.INK, labelsize=8.5, length=0, pad=3)
    for edge in range(len(columns) + 1):
        axes.axvline(edge - 0.5, color=style.HAIRLINE, linewidth=0.6)
    for edge in range(len(rows) + 1):
        axes.axhline(edge - 0.5, color=style.HAIRLINE, linewidth=0.6)
    if title:
        axes.set_title(title, loc="left", color=style.INK, size=10.5, weight="bold", pad=10)
    return style.literal(figure)


def _label(symbol: str) -> str:
    """``symbol`` on one line, white space as a sign that can be seen."""
    return style.label(symbol, _LONGEST) if symbol.strip() else "␣" * min(len(symbol), _LONGEST)


def _colors(weights: numpy.ndarray) -> numpy.ndarray:
    """Colours with opacity, (target, source, 4): nothing at 0, so that the page shows through."""
    from matplotlib.colors import to_rgb

    opacity = numpy.clip(numpy.nan_to_num(weights, nan=0.0), 0, 1)
    return numpy.concatenate([numpy.broadcast_to(to_rgb(style.FIRST), (*opacity.shape, 3)), opacity[..., None]], 2)
