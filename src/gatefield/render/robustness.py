"""How accuracy falls as an attack grows stronger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from . import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def robustness_figure(strengths: Any, accuracy: Any, unit: str = "grey levels") -> Figure:
    """Accuracy against the budget of an attack.

    Args:
        strengths: epsilon of each point.
        accuracy: in [0, 1], one each.
        unit: of epsilon.
    """
    from matplotlib.ticker import PercentFormatter

    figure = style.blank(6.4, 3.4)
    axes = style.plain_axes(figure.subplots(), "Accuracy under attack")
    axes.plot(numpy.asarray(strengths), numpy.asarray(accuracy), color=style.FIRST, marker="o", markersize=4)
    axes.set(xlabel=f"epsilon, {unit}", ylabel="accuracy", ylim=(-0.02, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    return style.literal(figure)
