"""A matplotlib figure as markup for a page: small vector drawings in the page's own colours, large ones as pixels."""

from __future__ import annotations

import base64
import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from . import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VARIABLES = {
    style.INK: "--ink",
    style.MUTED: "--muted",
    style.HAIRLINE: "--hairline",
    style.SURFACE: "--surface",
    style.FIRST: "--first",
    style.SECOND: "--second",
}
_LARGEST_SVG = 256 * 1024  # characters; beyond that pixels are smaller and faster to show
_COLOR = re.compile("|".join(VARIABLES))
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def draw(figure: Figure, alt: str, prefix: str) -> str:
    """``figure`` as inline SVG, or as an ``img`` of pixels where the SVG would be large.

    Args:
        alt: what a person who cannot see it should know.
        prefix: put before every id, so that several drawings can stand on one page.
    """
    svg = _inline_svg(_save(figure, "svg", facecolor="none", metadata={"Date": None, "Creator": None}), alt, prefix)
    if len(svg) <= _LARGEST_SVG:
        return svg
    image = ElementTree.Element("img", {"src": data_address(_save(figure, "png", dpi=160)), "alt": alt})
    return ElementTree.tostring(image, encoding="unicode", method="html")


def figure_png(figure: Figure, dpi: float = 120) -> bytes:
    """``figure`` as the bytes of a PNG file."""
    return _save(figure, "png", dpi=dpi)


def data_address(content: bytes, kind: str = "png") -> str:
    """The file of a picture, a PNG or another ``kind``, as an address that contains it."""
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")


def _save(figure: Figure, kind: str, dpi: float = 72, **options: Any) -> bytes:
    """The file that matplotlib writes; equal figures give equal bytes. A point is a pixel of an SVG."""
    import matplotlib

    buffer = io.BytesIO()
    fixed: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "gatefield"}
    fixed |= {"figure.autolayout": False, "figure.constrained_layout.use": False}
    with matplotlib.rc_context(fixed), warnings.catch_warnings():
        # The browser has fonts for the scripts that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        with _laid_out(figure, kind, dpi):
            figure.savefig(buffer, format=kind, dpi=dpi, **options)
    return buffer.getvalue()


@contextlib.contextmanager
def _laid_out(figure: Figure, kind: str, dpi: float) -> Iterator[None]:
    """Inside the block the axes have their places, and are not given them again.

    ``savefig`` draws a figure that lays itself out twice, once for the layout alone; this takes two thirds of the time.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    layout, dpi_before, canvas = figure.get_layout_engine(), figure.dpi, figure.canvas
    if layout is None:
        yield
        return
    try:
        {"svg": FigureCanvasSVG, "png": FigureCanvasAgg}[kind](figure)  # text is as wide as this canvas draws it
        figure.dpi = dpi
        layout.execute(figure)
        figure.set_layout_engine(None)
        yield
    finally:
        figure.set_layout_engine(layout)
        figure.dpi = dpi_before
        figure.set_canvas(canvas)


def _inline_svg(document: bytes, alt: str, prefix: str) -> str:
    """matplotlib's SVG document as an element of an HTML page."""
    root = ElementTree.fromstring(document)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        attributes = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
        element.attrib.clear()
        element.attrib.update({key: _attribute(key, value, prefix) for key, value in attributes.items()})
    root.attrib.pop("version", None)
    root.attrib |= {"role": "img", "aria-label": alt, "style": f"--natural: {root.get('width')}"}
    return ElementTree.tostring(root, encoding="unicode")


def _attribute(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return prefix + value
    if key == "href" and value.startswith("#"):
        return "#" + prefix + value[1:]
    if key in ("style", "clip-path", "fill", "stroke"):
        value = _REFERENCE.sub(rf"url(#{prefix}\1)", value)
        return _COLOR.sub(lambda match: f"var({VARIABLES[match[0]]})", value)
    return value
