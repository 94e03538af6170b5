"""The look of every figure: few colours, thin lines, no boxes.

The colours are unusual hexadecimal values on purpose: `page.Page` finds them in a drawing and puts the page's own
variables in their place, so that one figure is right in light and in dark.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, HAIRLINE, SURFACE = "#1c2128", "#5b6571", "#dfe3e8", "#fefefe"
FIRST, SECOND = "#2458b8", "#bf5518"  # a blue and an orange that the common forms of colour blindness keep apart

DARK = {INK: "#e6e9ed", MUTED: "#9da7b3", HAIRLINE: "#31373f", SURFACE: "#171a1f", FIRST: "#7aa7f5", SECOND: "#f09a5e"}

_PRINTABLE_SPACE = {ord(character): " " for character in "\n\r\t\v\f"}


def blank(width: float, height: float) -> Figure:
    """An empty figure of ``width`` x ``height`` inches that lays out its own axes."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor=SURFACE)


def plain_axes(axes: Axes, title: str = "") -> Axes:
    """``axes`` with hairlines only, and ``title`` at its upper left."""
    axes.set_facecolor("none")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(HAIRLINE)
    axes.tick_params(colors=MUTED, labelsize=9, length=0, pad=5)
    axes.grid(axis="y", color=HAIRLINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.label.set(color=MUTED, size=9)
    axes.yaxis.label.set(color=MUTED, size=9)
    if title:
        axes.set_title(title, loc="left", color=INK, size=10.5, weight="bold", pad=10)
    return axes


def bare_axes(axes: Axes) -> Axes:
    """``axes`` without spines, ticks and grid: for pictures."""
    axes.set_facecolor("none")
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def label(text: object, length: int = 24) -> str:
    """``text`` as one line of at most ``length`` characters, without the control characters that no XML may hold."""
    line = str(text).translate(_PRINTABLE_SPACE)
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def wrapped(text: object, width: int, lines: int) -> str:
    """``text`` broken into at most ``lines`` lines of ``width`` characters."""
    rows = [row for line in str(text).splitlines() for row in textwrap.wrap(label(line, 10 * width), width) or [""]]
    return "\n".join(rows if len(rows) <= lines else [*rows[: lines - 1], label(rows[lines - 1] + "…", width)])


def literal(figure: Figure) -> Figure:
    """``figure`` with every text shown as it is written: a class called ``$x$`` is no formula."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_parse_math(False)
    return figure
