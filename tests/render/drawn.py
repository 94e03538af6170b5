"""What a figure looks like, for tests: its pixels on a canvas, and the pictures inside its SVG."""

from __future__ import annotations

import base64
import io
import re

import numpy
import PIL.Image


def on_canvas(figure) -> numpy.ndarray:
    """The figure as matplotlib rasterises it: uint8 (height, width, 3)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return numpy.asarray(PIL.Image.open(buffer).convert("RGB"))


def pixel(figure, canvas: numpy.ndarray, axes, x: float, y: float) -> numpy.ndarray:
    """The pixel of ``canvas`` at data coordinates ``x``, ``y`` of ``axes``."""
    column, row = axes.transData.transform((x, y))
    return canvas[int(len(canvas) - row), int(column)].astype(int)


def embedded(markup: str) -> list[PIL.Image.Image]:
    """The PNG files inside a document, decoded."""
    addresses = re.findall(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+?)\"", markup)
    return [PIL.Image.open(io.BytesIO(base64.b64decode(address))) for address in addresses]
