"""What was heard and what of it counts for a key that may sound next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .overlay import heat_colors
from .piano_roll import LOWEST, key_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN = 2  # keys above the highest and below the lowest that sounds
_LIKELY = 0.2  # a key that is more probable than this is shown


def roll_contributions(notes: Any, heat: Any, expected: Any, asked: int, title: str = "", first: int = 0) -> Figure:
    """A piano roll in outlines, filled with what counts: orange speaks for the key asked about, blue against it.

    Right of it are the probabilities of all keys in the next frame. Opacity is the size of a number, full at the
    largest.

    Args:
        notes: 0 or 1, (time, keys); key 0 is the lowest of a piano.
        heat: one number for each of them.
        expected: probability of each key in the frame that follows, (keys,).
        asked: the key that is asked about.
        title: above the roll.
        first: what the first frame is called.

    Raises:
        ArgumentError: no roll, different shapes, or no such key.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import MaxNLocator

    truth, values, chance = (as_array(part).astype(float) for part in (notes, heat, expected))
    if truth.ndim != 2 or not truth.size or values.shape != truth.shape or chance.shape != truth.shape[1:]:
        message = f"notes of shape {truth.shape}, numbers of shape {values.shape}, probabilities of {chance.shape}"
        raise ArgumentError(message, hint="give (time, keys) twice, and (keys,)")
    if not 0 <= asked < truth.shape[1]:
        message = f"there is no key {asked} among {truth.shape[1]}"
        raise ArgumentError(message, hint=f"choose from 0 to {truth.shape[1] - 1}", path=("asked",))
    shown = numpy.flatnonzero(truth.any(0) | (chance > _LIKELY) | (numpy.arange(len(chance)) == asked))
    low, high = max(int(shown[0]) - _MARGIN, 0), min(int(shown[-1]) + _MARGIN + 1, truth.shape[1])
    figure = style.blank(10.0, 1.0 + max(0.085 * (high - low), 1.4))
    roll, column = figure.subplots(1, 2, sharey=True, width_ratios=[4, 1])
    colors, opacity = heat_colors(values[:, low:high].T)
    extent = (first - 0.5, first + len(truth) - 0.5, low - 0.5, high - 0.5)
    picture = numpy.concatenate([colors, opacity[..., None]], 2)
    roll.imshow(picture, origin="lower", aspect="auto", interpolation="none", extent=extent, zorder=2)
    sounding = [Rectangle((first + t - 0.5, key - 0.5), 1, 1) for t, key in numpy.argwhere(truth > 0)]
    roll.add_collection(
        PatchCollection(sounding, facecolor="none", edgecolor=style.MUTED, linewidth=0.6, alpha=0.7, zorder=3)
    )
    roll.set_ylim(low - 0.5, high - 0.5)
    style.plain_axes(roll, title)
    octaves = [key for key in range(low, high) if (key + LOWEST) % 12 == 0]
    roll.set_yticks(octaves, [key_name(key) for key in octaves])
    roll.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    roll.set_xlabel("frame")
    keys = numpy.arange(low, high)
    fill = [style.SECOND if key == asked else style.MUTED for key in keys]
    column.barh(keys, chance[low:high], height=0.8, color=fill, linewidth=0)
    style.plain_axes(column)
    column.set_xlim(0, 1.55)
    column.set_xticks([0, 0.5, 1], ["0", "50%", "100%"])
    column.set_xlabel(f"frame {first + len(truth)}, expected")
    column.annotate(
        f"{key_name(asked)} {chance[asked]:.0%}",
        (chance[asked], asked),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        color=style.INK,
        size=9,
        weight="bold",
        bbox={"facecolor": style.SURFACE, "edgecolor": "none", "pad": 1, "alpha": 0.8},
    )
    return style.literal(figure)
