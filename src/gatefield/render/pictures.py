"""Pictures: those a network gets wrong, and those its first layer looks for."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def picture_grid(images: Any, captions: Sequence[str], columns: int = 6) -> Figure:
    """Pictures in rows, each with its caption below.

    Args:
        images: uint8 (number, channels, height, width), 1 or 3 channels.
        captions: one each, for example ``4 taken for 9, 98 %``.
        columns: pictures in a row.

    Raises:
        ArgumentError: another shape or type of images, or another number of captions.
    """
    pictures = [pixels(image) for image in images]
    if len(pictures) != len(captions):
        hint = "give one caption for each picture"
        raise ArgumentError(f"there are {len(pictures)} pictures and {len(captions)} captions", hint=hint)
    rows = max(math.ceil(len(pictures) / columns), 1)
    figure = style.blank(1.6 * columns, 2.1 * rows)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        style.bare_axes(axes)
    for axes, picture, caption in zip(figure.axes, pictures, captions):
        # Grey as three equal colours: a colour map would round some greys down by one.
        axes.imshow(picture if picture.ndim == 3 else picture[..., None].repeat(3, axis=2), interpolation="none")
        axes.set_xlabel(style.wrapped(caption, 20, 3), color=style.INK, size=8.5)
    return style.literal(figure)


def filter_grid(weights: Any, limit: int = 144) -> Figure:
    """The filters of a convolution, as pictures.

    Filters that look at three channels are shown in colour, each scaled to its own largest weight; of all others every
    input channel is a picture of its own, orange where a weight is positive and blue where it is negative, on one
    scale about zero for the whole layer.

    Args:
        weights: (out, in, height, width).
        limit: pictures to show at most; the first ones are.

    Raises:
        ArgumentError: the weights have not four dimensions.
    """
    values = _array(weights).astype(float)
    if values.ndim != 4:
        raise ArgumentError(
            f"filters have 4 dimensions, not {values.ndim}", hint="give the weight of a 2-D convolution"
        )
    tiles = _color_tiles(values) if values.shape[1] == 3 else _signed_tiles(values)
    total, tiles = len(tiles), tiles[:limit]
    columns = max(len(tiles), 1) if len(tiles) <= 8 else min(range(16, 7, -1), key=lambda wide: -len(tiles) % wide)
    rows = max(math.ceil(len(tiles) / columns), 1)
    side = min(0.75, 9.0 / columns)
    figure = style.blank(max(side * columns, 3.2), side * rows + 0.45)
    axes = style.bare_axes(figure.subplots())
    axes.imshow(_mosaic(tiles, rows, columns), interpolation="none")
    text = (
        f"{total} filter{'s' * (total != 1)}" if total == len(tiles) else f"the first {len(tiles)} of {total} filters"
    )
    if values.shape[1] != 3:
        text += f"; full colour is a weight of ±{numpy.abs(values).max(initial=0):.2g}"
    axes.set_xlabel(text, color=style.MUTED, size=9)
    return style.literal(figure)


def pixels(image: Any) -> numpy.ndarray:
    """An uint8 image (channels, height, width) as (height, width), or (height, width, 3) if it has colours."""
    values = _array(image)
    if values.dtype != numpy.uint8 or values.ndim != 3 or values.shape[0] not in (1, 3):
        hint = "give uint8 images of 1 or 3 channels: (channels, height, width)"
        raise ArgumentError(f"{values.dtype} {values.shape} is not a picture", hint=hint)
    return values[0] if values.shape[0] == 1 else values.transpose(1, 2, 0)


def encode_png(image: Any, longest: int = 224) -> bytes:
    """An uint8 image (channels, height, width) as a PNG file, made smaller if a side is longer than ``longest``."""
    import PIL.Image

    picture = PIL.Image.fromarray(pixels(image))
    picture.thumbnail((longest, longest))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _array(values: Any) -> numpy.ndarray:
    """A tensor on any device, of any precision, or an array, as an array."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values
    return numpy.asarray(values)


def _color_tiles(values: numpy.ndarray) -> numpy.ndarray:
    """Filters of three channels as opaque colours about mid-grey: (number, height, width, 4)."""
    largest = numpy.abs(values).max(axis=(1, 2, 3), keepdims=True, initial=0)
    colors = 0.5 + 0.5 * values / numpy.where(largest > 0, largest, 1)
    tiles = numpy.ones((len(values), *values.shape[2:], 4))
    tiles[..., :3] = colors.transpose(0, 2, 3, 1)
    return tiles


def _signed_tiles(values: numpy.ndarray) -> numpy.ndarray:
    """Single channels as orange (above zero) or blue (below), opaque at the layer's largest weight."""
    from matplotlib.colors import to_rgb

    flat = values.reshape(-1, *values.shape[2:])
    tiles = numpy.empty((*flat.shape, 4))
    tiles[..., :3] = numpy.where(flat[..., None] > 0, to_rgb(style.SECOND), to_rgb(style.FIRST))
    tiles[..., 3] = numpy.abs(flat) / max(numpy.abs(values).max(initial=0), numpy.finfo(float).tiny)
    return tiles


def _mosaic(tiles: numpy.ndarray, rows: int, columns: int) -> numpy.ndarray:
    """Tiles (number, height, width, 4) side by side, one transparent pixel between them."""
    height, width = tiles.shape[1] + 1, tiles.shape[2] + 1
    sheet = numpy.zeros((rows * height - 1, columns * width - 1, 4))
    for index, tile in enumerate(tiles):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height - 1, left : left + width - 1] = tile
    return sheet
