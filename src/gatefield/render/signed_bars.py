"""Bars of contributions, a panel of a figure."""

from __future__ import annotations

from typing import Any

import numpy

from . import style


def signed_bars(axes: Any, steps: numpy.ndarray, numbers: numpy.ndarray, name: str) -> None:
    """A bar for each step: orange above zero, blue below."""
    from matplotlib.ticker import MaxNLocator

    style.plain_axes(axes)
    axes.bar(steps, numbers, width=0.9, color=numpy.where(numbers >= 0, style.SECOND, style.FIRST), linewidth=0)
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    axes.set_title(style.wrapped(name, 60, 2), loc="left", color=style.INK, size=9, pad=3)
    axes.yaxis.set_major_locator(MaxNLocator(3))
