"""What an explanation looks like: a map laid over its picture."""

from __future__ import annotations

from typing import Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .pictures import pixels

Box = tuple[int, int, int, int]
_PAPER = 0.35  # how much of the picture's own contrast is left under a map


def overlay(image: Any, heat: Any, box: Box | None = None) -> numpy.ndarray:
    """The picture in grey with the map in colour on it: orange speaks for the class, blue against it.

    Opacity is the size of the map, full at its largest. A map of fewer places is interpolated.

    Args:
        image: uint8 (channels, height, width), 1 or 3 channels, at its own size.
        heat: numbers (height, width) of any size, one a place.
        box: (top, left, height, width), the part of the picture that the map is about; by default all of it. What lies
            outside keeps its own colours, faded.

    Returns:
        uint8 (3, height, width).

    Raises:
        ArgumentError: no picture, no map, or a box that leaves the picture.
    """
    picture = numpy.atleast_3d(pixels(image)).astype(float) / 255
    height, width = picture.shape[:2]
    top, left, tall, wide = box or (0, 0, height, width)
    if min(top, left) < 0 or min(tall, wide) < 1 or top + tall > height or left + wide > width:
        message = f"the box {(top, left, tall, wide)} leaves a picture of {height} x {width}"
        raise ArgumentError(message, hint="give (top, left, height, width) inside the picture", path=("box",))
    shown = 1 - (1 - numpy.broadcast_to(picture, (height, width, 3))) * _PAPER
    inside = (slice(top, top + tall), slice(left, left + wide))
    colors, opacity = heat_colors(_resized(_numbers(heat), tall, wide))
    grey = picture[inside] @ numpy.array([0.299, 0.587, 0.114]) if picture.shape[2] == 3 else picture[inside][..., 0]
    paper = numpy.repeat(grey[..., None], 3, axis=2)
    shown[inside] = paper + (colors - paper) * 0.8 * opacity[..., None]
    return numpy.rint(255 * shown).astype(numpy.uint8).transpose(2, 0, 1)


def heat_colors(heat: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Colour (..., 3) and opacity (...) in [0, 1] of each number: orange above zero, blue below."""
    from matplotlib.colors import to_rgb

    heat = numpy.nan_to_num(heat, nan=0.0, posinf=0.0, neginf=0.0)
    colors = numpy.where(heat[..., None] >= 0, to_rgb(style.SECOND), to_rgb(style.FIRST))
    return colors, numpy.abs(heat) / max(float(numpy.abs(heat).max(initial=0)), numpy.finfo(float).tiny)


def _numbers(heat: Any) -> numpy.ndarray:
    values = heat.detach().cpu().double().numpy() if hasattr(heat, "detach") else numpy.asarray(heat, dtype=float)
    if values.ndim != 2 or not values.size:
        message = f"a map of shape {values.shape} has no rows and columns"
        raise ArgumentError(message, hint="give (height, width); sum over channels first", path=("heat",))
    return numpy.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def _resized(heat: numpy.ndarray, height: int, width: int) -> numpy.ndarray:
    """``heat`` interpolated, bilinear, about the centres of its places."""
    for axis, size in enumerate((height, width)):
        count = heat.shape[axis]
        place = numpy.clip((numpy.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
        low = numpy.floor(place).astype(int)
        high, share = numpy.minimum(low + 1, count - 1), place - low
        share = share[:, None] if axis == 0 else share
        heat = heat.take(low, axis) * (1 - share) + heat.take(high, axis) * share
    return heat
