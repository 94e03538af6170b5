"""Where a captioner looks while it says each word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import ArgumentError
from . import style
from .overlay import overlay
from .pictures import pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 6


def caption_attention(image: Any, words: Sequence[str], weights: Any) -> Figure:
    """The picture, and for each word the picture again with the places in orange that the word was read from.

    Orange is full at the largest weight of the word.

    Args:
        image: uint8 (channels, height, width).
        words: of the caption; the end may be among them.
        weights: (words, rows, columns), which sum to 1 for each word.

    Raises:
        ArgumentError: another number of maps than of words.
    """
    if len(weights) != len(words):
        message = f"{len(words)} words and {len(weights)} maps"
        raise ArgumentError(message, hint="give one map for each word", path=("weights",))
    panels = [pixels(image), *(pixels(overlay(image, map)) for map in weights)]
    names = ["", *words]
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = style.blank(1.45 * columns, 1.7 * rows)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        style.bare_axes(axes)
    for axes, panel, name in zip(figure.axes, panels, names):
        # Grey as three equal colours: a colour map would round some greys down by one.
        axes.imshow(panel if panel.ndim == 3 else panel[..., None].repeat(3, axis=2), interpolation="none")
        axes.set_xlabel(style.label(name, 18), color=style.INK, size=10)
    return style.literal(figure)
