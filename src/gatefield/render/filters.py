"""What units answer to: feature maps by depth, and the patches and inputs that excite a unit most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .layer_names import layer_name
from .pictures import pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE = 0.82  # inches of one small picture


def feature_map_figure(maps: Mapping[str, Any], image: Any = None) -> Figure:
    """The maps of one input, a row for each layer, from the input up (catalogue 94).

    Each map is drawn on a scale of its own, from its smallest value (dark) to its largest (light).

    Args:
        maps: layer -> (channels, height, width), the channels to show; or (channels, time).
        image: the input, uint8 (channels, height, width), shown above; None leaves it out.

    Raises:
        ArgumentError: nothing to show, or maps of other shapes.
    """
    rows = {name: _maps(name, values) for name, values in maps.items()}
    if not rows or not all(len(values) for values in rows.values()):
        raise ArgumentError("there are no feature maps to show", hint="give at least one map of every layer")
    columns = max(map(len, rows.values()))
    first = [] if image is None else [("input", [pixels(image)])]
    sheet = [*first, *((name, list(values)) for name, values in rows.items())]
    return _rows(sheet, columns, [f"{name}\n{_size(pictures[0])}" for name, pictures in sheet])


def unit_figure(units: Mapping[str, Sequence[Any]], captions: Mapping[str, Sequence[str]] | None = None) -> Figure:
    """Pictures that belong to a unit, a row for each unit: the input that excites it most, then the best patches.

    Args:
        units: name -> uint8 pictures (channels, height, width), of any sizes.
        captions: name -> one text for each of its pictures.

    Raises:
        ArgumentError: nothing to show, or another number of captions than of pictures.
    """
    sheet = [(name, [pixels(image) for image in images]) for name, images in units.items()]
    if not sheet or not all(images for _, images in sheet):
        raise ArgumentError("there are no units to show", hint="give at least one picture for every unit")
    columns = max(len(images) for _, images in sheet)
    figure = _rows(sheet, columns, list(units), below=0.24 if captions else 0.0)
    for row, (name, images) in enumerate(sheet):
        texts = captions[name] if captions else [""] * len(images)
        if len(texts) != len(images):
            message = f"unit '{name}' has {len(images)} pictures and {len(texts)} captions"
            raise ArgumentError(message, hint="give one caption for each picture", path=("captions",))
        for column, text in enumerate(texts):
            figure.axes[row * columns + column].set_xlabel(style.label(text, 14), color=style.MUTED, size=7.5)
    return style.literal(figure)


def _rows(
    sheet: Sequence[tuple[str, Sequence[numpy.ndarray]]], columns: int, names: Sequence[str], below: float = 0.0
) -> Figure:
    """Small pictures in rows, each row with its name in front."""
    longest = max(len(line) for name in names for line in name.split("\n"))
    figure = style.blank(_SIDE * columns + 0.3 + 0.075 * min(longest, 30), (_SIDE + 0.06 + below) * len(sheet))
    grid = figure.subplots(len(sheet), columns, squeeze=False)
    for axes in grid.flat:
        style.bare_axes(axes)
    for row, ((_, pictures), name) in enumerate(zip(sheet, names)):
        text = "\n".join(layer_name(line, 30) for line in name.split("\n"))
        grid[row, 0].set_ylabel(text, rotation=0, ha="right", va="center", color=style.INK, size=8.5, labelpad=8)
        for axes, picture in zip(grid[row], pictures):
            _show(axes, picture)
    return style.literal(figure)


def _show(axes: Axes, picture: numpy.ndarray) -> None:
    if picture.dtype == numpy.uint8:
        axes.imshow(picture if picture.ndim == 3 else picture[..., None].repeat(3, axis=2), interpolation="none")
    else:
        axes.imshow(picture, cmap="magma", interpolation="none", aspect="auto" if 1 in picture.shape else "equal")


def _maps(name: str, values: Any) -> numpy.ndarray:
    maps = as_array(values).astype(float)
    maps = maps[:, None] if maps.ndim == 2 else maps
    if maps.ndim != 3:
        message = f"the maps of '{name}' have the shape {maps.shape}"
        raise ArgumentError(message, hint="give (channels, height, width) of one input", path=("maps",))
    return maps


def _size(picture: numpy.ndarray) -> str:
    return f"{picture.shape[0]} × {picture.shape[1]}"
