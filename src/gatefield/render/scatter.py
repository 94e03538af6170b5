"""Points in the plane: by class, or each as its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .pictures import pixels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def class_scatter(points: Any, labels: Any, classes: Sequence[str], title: str = "") -> Figure:
    """Points, coloured by class, with each class's name in the middle of its points.

    Args:
        points: (number, 2).
        labels: whole numbers (number,), places in ``classes``.
        classes: the names.
        title: above the points.

    Raises:
        ArgumentError: other shapes.
    """
    from matplotlib.patheffects import withStroke

    points, labels = _plane(points), numpy.asarray(as_array(labels))
    if len(labels) != len(points):
        message = f"{len(points)} points have {len(labels)} labels"
        raise ArgumentError(message, hint="give one label for each point", path=("labels",))
    figure = style.blank(5.6, 5.4)
    axes = style.bare_axes(figure.subplots())
    axes.set_aspect("equal", adjustable="datalim")
    if title:
        axes.set_title(title, loc="left", color=style.INK, size=10.5, weight="bold", pad=10)
    size = float(numpy.clip(2500 / max(len(points), 1), 3, 28))
    present = [k for k in range(len(classes)) if (labels == k).any()]
    for k in present:
        axes.scatter(*points[labels == k].T, s=size, color=_color(k, len(classes)), linewidths=0, alpha=0.8)
    if len(present) <= 40:
        for k in present:
            x, y = numpy.median(points[labels == k], axis=0)
            name = axes.text(x, y, style.label(classes[k], 18), ha="center", va="center", color=style.INK, size=10)
            name.set(weight="bold", path_effects=[withStroke(linewidth=3, foreground=style.SURFACE)])
    return style.literal(figure)


def picture_scatter(points: Any, images: Any, cells: int = 32, title: str = "") -> Figure:
    """Pictures where their points lie, so that one sees what the network takes for alike (catalogue 92).

    The plane is cut into ``cells`` x ``cells``, and each picture takes the free cell nearest to its point.

    Args:
        points: (number, 2).
        images: uint8 (number, channels, height, width), 1 or 3 channels; all that find room are shown, the first first.
        cells: along each side.
        title: above the pictures.

    Raises:
        ArgumentError: other shapes, or fewer than one cell.
    """
    points = _plane(points)
    if len(images) != len(points) or cells < 1:
        message = f"{len(points)} points, {len(images)} pictures and {cells} cells"
        raise ArgumentError(message, hint="give one picture for each point, and at least one cell", path=("images",))
    shown = min(len(points), cells**2)
    sheet = _sheet([pixels(image) for image in images[:shown]], nearest_free_cells(points[:shown], cells), cells)
    figure = style.blank(7.2, 7.2 * sheet.shape[0] / sheet.shape[1] + 0.5)
    axes = style.bare_axes(figure.subplots())
    axes.imshow(sheet, interpolation="antialiased")
    if title:
        axes.set_title(title, loc="left", color=style.INK, size=10.5, weight="bold", pad=10)
    if shown < len(points):
        axes.set_xlabel(f"the first {shown} of {len(points)} pictures", color=style.MUTED, size=9)
    return style.literal(figure)


def nearest_free_cells(points: numpy.ndarray, cells: int) -> numpy.ndarray:
    """(row, column) of each of ``points`` (number, 2) in a square of ``cells``, row 0 above; no two in one cell."""
    if not len(points):
        return numpy.zeros((0, 2), dtype=int)
    low, high = points.min(0), points.max(0)
    place = (points - low) / numpy.where(high > low, high - low, 1) * (cells - 1)
    rows, columns = numpy.divmod(numpy.arange(cells**2), cells)
    free = numpy.ones(cells**2, dtype=bool)
    found = numpy.zeros((len(points), 2), dtype=int)
    for i, (x, y) in enumerate(place):
        distance = (columns - x) ** 2 + (cells - 1 - rows - y) ** 2
        nearest = int(numpy.where(free, distance, numpy.inf).argmin())
        free[nearest] = False
        found[i] = rows[nearest], columns[nearest]
    return found


def _sheet(images: Sequence[numpy.ndarray], places: numpy.ndarray, cells: int) -> numpy.ndarray:
    """The images in their cells, RGBA in [0, 255], transparent elsewhere."""
    height, width = images[0].shape[:2] if images else (1, 1)
    sheet = numpy.zeros((cells * (height + 1) - 1, cells * (width + 1) - 1, 4), dtype=numpy.uint8)
    for image, (row, column) in zip(images, places.tolist()):
        top, left = row * (height + 1), column * (width + 1)
        part = sheet[top : top + height, left : left + width]
        part[..., :3] = image if image.ndim == 3 else image[..., None]
        part[..., 3] = 255
    return sheet


def _plane(points: Any) -> numpy.ndarray:
    values = as_array(points).astype(float)
    if values.ndim != 2 or values.shape[1] != 2:
        raise ArgumentError(f"points of shape {values.shape}", hint="give (number, 2)", path=("points",))
    return values


def _color(k: int, number: int) -> Any:
    """A colour for class ``k``: of a list made to be told apart where it is long enough, else round the circle."""
    from matplotlib import colormaps

    if number <= 2:
        return (style.FIRST, style.SECOND)[k]
    if number <= 10:
        return colormaps["tab10"](k)
    return colormaps["tab20"](k) if number <= 20 else colormaps["hsv"](k / number)
