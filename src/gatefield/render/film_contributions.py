"""The frames that were seen, with what each of their pixels counts for a spot of a frame that was forecast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .overlay import overlay
from .pictures import pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GAP, _APART = 0.12, 0.6  # between frames, and between those seen and the forecast, of their width


class FilmRow(NamedTuple):
    """What a row shows: its name, numbers (time, height, width), the frame forecast, and the pixel in its spot."""

    name: str
    heat: Any
    frame: Any
    pixel: tuple[int, int]


def film_contributions(seen: Any, rows: Sequence[FilmRow], side: int) -> Figure:
    """The frames seen, and rows of the same with a map laid over them: orange brightens the spot framed at the right.

    Args:
        seen: uint8 (time, channels, height, width), 1 or 3 channels.
        rows: each a map over all frames; its full colour is its largest number.
        side: pixels of a spot.

    Raises:
        ArgumentError: no frame or row, or a map of another size.
    """
    from matplotlib.patches import Rectangle

    frames = [_color(frame) for frame in as_array(seen)]
    maps = [as_array(row.heat).astype(float) for row in rows]
    if not frames or not rows or any(heat.shape != (len(frames), *frames[0].shape[:2]) for heat in maps):
        message = f"{len(frames)} frames and maps of shape {', '.join(str(heat.shape) for heat in maps) or 'none'}"
        raise ArgumentError(message, hint="give at least one frame, and one number for each pixel of all frames")
    height, width = frames[0].shape[:2]
    count, scale = len(frames), height / width
    across = count * (1 + _GAP) + _APART + 1
    cell = min(1.15, 9.0 / across)
    figure = style.blank(cell * across + 0.3, (1 + len(rows)) * (cell * scale + 0.32) + 0.3)
    first, *others = figure.subplots(1 + len(rows), 1, squeeze=False)[:, 0]
    _strip(first, frames, "seen", scale)
    for axes, row, heat in zip(others, rows, maps):
        wide = overlay(numpy.concatenate(frames, 1).transpose(2, 0, 1), numpy.concatenate(list(heat), 1))
        _strip(axes, numpy.split(wide.transpose(1, 2, 0), count, axis=1), row.name, scale)
        left = count * (1 + _GAP) + _APART
        axes.imshow(_color(row.frame), extent=(left, left + 1, 0, scale), interpolation="none")
        # the spot, cut off at the edges of the frame
        top, bottom = (
            numpy.clip(row.pixel[0] + by, 0, height) / height * scale for by in (-(side // 2), side // 2 + 1)
        )
        near, far = (numpy.clip(row.pixel[1] + by, 0, width) / width for by in (-(side // 2), side // 2 + 1))
        corner = (left + near, scale - bottom)
        spot = Rectangle(corner, far - near, bottom - top, facecolor="none", edgecolor=style.SECOND, linewidth=1.6)
        axes.add_patch(spot)
    for axes in figure.axes:
        axes.set_xlim(0, across)
        axes.set_ylim(0, scale)
        axes.set_aspect("equal")
    places = [place * (1 + _GAP) + 0.5 for place in range(count)]
    names = [f"−{count - 1 - place}" if place < count - 1 else "0" for place in range(count)]
    others[-1].set_xticks([*places, count * (1 + _GAP) + _APART + 0.5], [*names, "forecast"])
    others[-1].tick_params(colors=style.MUTED, labelsize=8, length=0)
    return style.literal(figure)


def _strip(axes: Any, frames: Sequence[numpy.ndarray], name: str, scale: float) -> None:
    style.bare_axes(axes)
    axes.set_title(style.label(name, 80), loc="left", color=style.INK, size=9, pad=4)
    for place, frame in enumerate(frames):
        left = place * (1 + _GAP)
        axes.imshow(frame, extent=(left, left + 1, 0, scale), interpolation="none")


def _color(frame: Any) -> numpy.ndarray:
    """(height, width, 3): a colour map would round some greys down by one."""
    picture = numpy.atleast_3d(pixels(frame))
    return numpy.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture
