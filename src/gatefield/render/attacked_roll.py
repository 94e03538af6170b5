"""A piano roll in which keys were changed, and what was expected before and after that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .piano_roll import draw_keys, keys_shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LIKELY = 0.2  # a key that is ever more probable than this is shown


def attacked_roll(notes: Any, changed: Any, expected: Any, after: Any) -> Figure:
    """What is heard above what is expected of the frames that follow, before and after keys were changed.

    Kept keys are blue, added ones orange, removed ones in outlines; the more opaque a key, the louder or likelier it
    is. Frames have numbers from 1.

    Args:
        notes: in [0, 1], (time, keys); key 0 is the lowest of a piano.
        changed: the same with some keys changed.
        expected: probability of each key in the frame after each.
        after: the same after the change.

    Raises:
        ArgumentError: no roll, or different shapes.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    rolls = [as_array(each).astype(float) for each in (notes, changed, expected, after)]
    if rolls[0].ndim != 2 or not rolls[0].size or len({roll.shape for roll in rolls}) > 1:
        message = f"rolls of shape {', '.join(str(roll.shape) for roll in rolls)}"
        raise ArgumentError(message, hint="give four arrays (time, keys) of one shape")
    before, heard, *chances = rolls
    ever = numpy.maximum.reduce([before, heard, *(chance > _LIKELY for chance in chances)])
    low, high = keys_shown(ever)
    figure = style.blank(10.0, 1.4 + 3 * max(0.055 * (high - low), 0.7))
    above, *below = figure.subplots(3, 1, sharex=True, sharey=True)
    draw_keys(above, numpy.minimum(before, heard)[:, low:high], low, style.FIRST, 1)
    draw_keys(above, numpy.maximum(heard - before, 0)[:, low:high], low, style.SECOND, 1)
    removed = numpy.argwhere(before - heard > 0.5)
    boxes = [Rectangle((time + 0.5, key - 0.5), 1, 1) for time, key in removed]
    above.add_collection(PatchCollection(boxes, facecolor="none", edgecolor=style.SECOND, linewidth=1.0, zorder=3))
    titles = ("What the network hears", "What it expects, before the attack", "What it expects, attacked")
    for axes, chance, color in zip(below, chances, (style.FIRST, style.SECOND)):
        draw_keys(axes, chance[:, low:high], low, color, 2)
    for axes, title in zip(figure.axes, titles):
        style.plain_axes(axes, title)
        axes.set_xlim(0.5, len(before) + 1.5)
    figure.axes[-1].set_xlabel("frame")
    return style.literal(figure)
