"""Music as a picture: which keys sound when, and what was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The number in MIDI of the lowest key of a piano, and of the C in its middle, which is called C4.
LOWEST, MIDDLE_C = 21, 60
_MARGIN = 2  # keys above the highest and below the lowest that sounds


def piano_roll(notes: Any, expected: Any) -> Figure:
    """A piano roll above what was expected of it; time from left to right, high keys above.

    Both show the same keys: those that sound, and those between them.

    Args:
        notes: 0 or 1, (time, keys); key 0 is the lowest of a piano.
        expected: probability of each key in each step, of the same shape; NaN where nothing was expected.

    Raises:
        ArgumentError: no roll, or different shapes.
    """
    truth, chance = as_array(notes).astype(float), as_array(expected).astype(float)
    if truth.ndim != 2 or not truth.size or chance.shape != truth.shape:
        message = f"notes of shape {truth.shape} and probabilities of shape {chance.shape}"
        raise ArgumentError(message, hint="give two arrays (time, keys) of one shape")
    low, high = keys_shown(truth)
    figure = style.blank(10.0, 1.1 + 2 * max(0.055 * (high - low), 0.7))
    for axes, shares, color, name in zip(
        figure.subplots(2, 1, sharex=True),
        (truth, numpy.nan_to_num(chance)),
        (style.FIRST, style.SECOND),
        ("What is played", "What the network expects, having heard all before it"),
    ):
        draw_keys(axes, shares[:, low:high], low, color)
        style.plain_axes(axes, style.label(name, 90))
        axes.grid(axis="y", color=style.HAIRLINE, linewidth=0.8)
    figure.axes[-1].set_xlabel("frame")
    return style.literal(figure)


def draw_keys(axes: Axes, shares: numpy.ndarray, low: int, color: str, first: int = 0) -> None:
    """One roll (time, keys): the more opaque a key, the larger its share.

    Args:
        low: the number of the first key.
        first: of the first frame.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.ticker import MaxNLocator

    time, keys = shares.shape
    colors = numpy.empty((keys, time, 4))
    colors[..., :3], colors[..., 3] = to_rgb(color), shares.T
    extent = (first - 0.5, first + time - 0.5, low - 0.5, low + keys - 0.5)
    axes.imshow(colors, origin="lower", aspect="auto", interpolation="none", extent=extent, zorder=2)
    octaves = [key for key in range(low, low + keys) if (key + LOWEST) % 12 == 0]
    axes.set_yticks(octaves, [key_name(key) for key in octaves])
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))


def keys_shown(notes: numpy.ndarray) -> tuple[int, int]:
    """The lowest key to show of ``notes`` (time, keys), and the one above the highest."""
    sounding = numpy.flatnonzero(notes.any(0))
    if not len(sounding):
        return 0, notes.shape[1]
    return max(int(sounding[0]) - _MARGIN, 0), min(int(sounding[-1]) + _MARGIN + 1, notes.shape[1])


def key_name(key: int) -> str:
    """What a key is called, counted from the lowest of a piano, which is A0: ``C4`` is in the middle."""
    names = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
    return f"{names[(key + LOWEST) % 12]}{(key + LOWEST) // 12 - MIDDLE_C // 12 + 4}"
