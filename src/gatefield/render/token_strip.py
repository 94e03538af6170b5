"""A sentence with the weight of each of its words as colour behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .overlay import heat_colors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CHARACTER, _LINE = 0.092, 0.34  # inches that a character and a line take
_WIDTH = 9.0


def token_strip(tokens: Sequence[str], heat: Any, title: str = "", marked: int | None = None) -> Figure:
    """The tokens in reading order, orange behind those that speak for the class, blue behind those against it.

    Opacity is the size of the number, full at the largest.

    Args:
        tokens: words, symbols or steps.
        heat: one number each.
        title: above the strip.
        marked: the number of a token to frame: the one whose answer is explained.

    Raises:
        ArgumentError: another number of numbers than of tokens, or no such token.
    """
    values = heat.detach().cpu().double().numpy() if hasattr(heat, "detach") else numpy.asarray(heat, dtype=float)
    if values.shape != (len(tokens),):
        message = f"{len(tokens)} tokens and numbers of shape {values.shape}"
        raise ArgumentError(message, hint="give one number for each token", path=("heat",))
    if marked is not None and not 0 <= marked < len(tokens):
        message = f"there is no token {marked} of {len(tokens)} to mark"
        raise ArgumentError(message, hint=f"choose from 0 to {len(tokens) - 1}", path=("marked",))
    words = [_word(token) for token in tokens]
    lines = _lines(words)
    head = 0.4 if title else 0.1
    figure = style.blank(_WIDTH, head + _LINE * max(len(lines), 1) + 0.1)
    figure.set_layout_engine("none")
    height = figure.get_figheight()
    if title:
        figure.text(0.1 / _WIDTH, 1 - 0.26 / height, title, color=style.INK, size=10.5, weight="bold")
    colors, opacity = heat_colors(values)
    for row, line in enumerate(lines):
        y = 1 - (head + (row + 0.55) * _LINE) / height
        for index, x in line:
            figure.text(
                (x + _CHARACTER * len(words[index]) / 2) / _WIDTH,  # centered, whatever font a reader has
                y,
                words[index],
                family="monospace",
                size=10,
                ha="center",
                va="center",
                color=style.INK,
                weight="bold" if index == marked else "normal",
                bbox={
                    "facecolor": (*colors[index], 0.75 * opacity[index]),
                    "edgecolor": style.INK if index == marked else "none",
                    "linewidth": 0.9,
                    "pad": 3,
                },
            )
    return style.literal(figure)


def _word(token: str) -> str:
    """``token`` on one line; where it is white space, a sign for it."""
    shown = style.label(token, 40)
    return shown if shown.strip() else "⏎" if "\n" in token else "␣" * max(len(token), 1)


def _lines(words: Sequence[str]) -> list[list[tuple[int, float]]]:
    """The words of each line: number, and distance of its start from the left in inches."""
    lines: list[list[tuple[int, float]]] = []
    x = _WIDTH
    for index, word in enumerate(words):
        wide = _CHARACTER * (len(word) + 1) + 0.08
        if x + wide > _WIDTH:
            lines.append([])
            x = 0.12
        lines[-1].append((index, x))
        x += wide
    return lines
