"""Films as pictures: a strip of frames above those that were forecast, and animations."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .pictures import pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GAP = 0.12  # between frames, of their width
_SHOWN = 128  # pixels that the longer side of a frame has in an animation, about
_STEP, _REST = 250, 1000  # milliseconds that a frame is shown, and the last one


def film_strip(past: Any, truth: Any, forecasts: Mapping[str, Any]) -> Figure:
    """Frames from left to right: what was seen and what came, and below the latter each forecast of it.

    Args:
        past: the frames that were seen, uint8 (time, channels, height, width), 1 or 3 channels.
        truth: what came after them, likewise; no frame where nobody knows.
        forecasts: name -> frames, all as many.

    Raises:
        ArgumentError: frames of another kind, or of different sizes or numbers.
    """
    seen, came = _frames(past), _frames(truth, _frames(past))
    foretold = {name: _frames(frames, seen) for name, frames in forecasts.items()}
    horizon = max([len(came), *map(len, foretold.values())])
    if any(len(frames) != horizon for frames in (*foretold.values(), came) if len(frames)):
        counts = ", ".join(str(len(frames)) for frames in (came, *foretold.values()))
        raise ArgumentError(f"rows of {counts} frames", hint="give as many frames in every forecast as came")
    rows = [FilmRow("seen, then what came" if len(came) else "seen", numpy.concatenate([seen, came]), 0)]
    rows += [FilmRow(name, frames, len(seen)) for name, frames in foretold.items()]
    return _strips(rows, len(seen), horizon)


class FilmRow(NamedTuple):
    """Frames side by side: their name, the frames (time, channels, height, width), and the place of the first."""

    name: str
    frames: Any
    first: int = 0


def film_rows(rows: Sequence[FilmRow], seen: int) -> Figure:
    """Rows of frames of one size, one below the other, each in the column of its time.

    Args:
        rows: uint8 frames, 1 or 3 channels.
        seen: columns of what was seen; those after them are numbered from +1.

    Raises:
        ArgumentError: no row, or frames of another kind or of different sizes.
    """
    if not rows:
        raise ArgumentError("there are no rows of frames", hint="give at least one")
    first = _frames(rows[0].frames)
    shown = [row._replace(frames=_frames(row.frames, first)) for row in rows]
    return _strips(shown, seen, max(row.first + len(row.frames) for row in shown) - seen)


def _strips(rows: Sequence[FilmRow], seen: int, horizon: int) -> Figure:
    height, width = rows[0].frames.shape[1:3]
    count, scale = seen + horizon, height / width
    side = min(1.0, 9.6 / count)
    figure = style.blank(side * count * (1 + _GAP) + 0.3, len(rows) * (side * scale + 0.34) + 0.3)
    for axes, (name, frames, first) in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows):
        style.bare_axes(axes)
        axes.set_title(style.label(name, 60), loc="left", color=style.INK, size=9, pad=4)
        for place, frame in enumerate(frames, first):
            left = place * (1 + _GAP)
            axes.imshow(_color(frame), extent=(left, left + 1, 0, scale), interpolation="none")
        axes.set_xlim(0, count * (1 + _GAP) - _GAP)
        axes.set_ylim(0, scale)
        axes.set_aspect("equal")
    places = [place * (1 + _GAP) + 0.5 for place in range(count)]
    steps = [str(place - seen + 1) if place < seen else f"+{place - seen + 1}" for place in range(count)]
    figure.axes[-1].set_xticks(places, steps)
    figure.axes[-1].tick_params(colors=style.MUTED, labelsize=8, length=0)
    return style.literal(figure)


def film_gif(panels: Sequence[Any], begins: Sequence[int]) -> bytes:
    """Films side by side as an animated GIF; a frame in orange is a forecast.

    Args:
        panels: films, uint8 (time, channels, height, width), all as long and of one size.
        begins: the frame of each from which it is a forecast; the number of frames where it is none.

    Raises:
        ArgumentError: no film, films that differ, or another number of ``begins``.
    """
    import PIL.Image

    first = _frames(panels[0]) if len(panels) else numpy.zeros((0, 0, 0))
    films = [first, *(_frames(panel, first) for panel in panels[1:])]
    if not len(first) or len({len(film) for film in films}) > 1 or len(begins) != len(films):
        message = f"{len(films)} films of {', '.join(str(len(film)) for film in films)} frames, {len(begins)} begins"
        raise ArgumentError(message, hint="give films of one length, and the begin of the forecast for each")
    factor = max(1, round(_SHOWN / max(first.shape[1:3])))
    border = max(2, factor * max(first.shape[1:3]) // 40)
    pictures = []
    for time in range(len(first)):
        parts = []
        for film, begin in zip(films, begins):
            big = _color(film[time]).repeat(factor, 0).repeat(factor, 1)
            color = style.SECOND if time >= begin else style.HAIRLINE
            parts.append(_framed(big, border, [int(color[at : at + 2], 16) for at in (1, 3, 5)]))
        pictures.append(PIL.Image.fromarray(numpy.concatenate(parts, 1)))
    buffer, durations = io.BytesIO(), [_STEP] * (len(pictures) - 1) + [_REST]
    head, *rest = pictures
    head.save(buffer, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=False)
    return buffer.getvalue()


def _framed(picture: numpy.ndarray, border: int, color: list[int]) -> numpy.ndarray:
    height, width = picture.shape[:2]
    framed = numpy.full((height + 2 * border, width + 2 * border, 3), color, dtype=numpy.uint8)
    framed[border:-border, border:-border] = picture
    return framed


def _frames(values: Any, like: numpy.ndarray | None = None) -> numpy.ndarray:
    """Frames (time, height, width) or (time, height, width, 3), of the size of ``like``."""
    array = as_array(values)
    if array.ndim != 4:
        hint = "give uint8 (time, channels, height, width)"
        raise ArgumentError(f"{array.dtype} {array.shape} is no film", hint=hint)
    if not len(array) and like is not None:
        return like[:0]
    frames = numpy.stack([pixels(frame) for frame in array]) if len(array) else numpy.zeros((0, 1, 1), numpy.uint8)
    if like is not None and frames.shape[1:] != like.shape[1:]:
        message = f"frames of {frames.shape[1:]} beside frames of {like.shape[1:]}"
        raise ArgumentError(message, hint="give films of one size and as many channels")
    return frames


def _color(frame: numpy.ndarray) -> numpy.ndarray:
    """Grey as three equal colours: a colour map would round some greys down by one."""
    return frame if frame.ndim == 3 else frame[..., None].repeat(3, axis=2)
