"""How accuracy falls as an attack grows stronger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def robustness_figure(
    strengths: Any, accuracy: Any, budget: str = "epsilon, grey levels", chance: Any = None
) -> Figure:
    """Accuracy against the budget of an attack.

    Args:
        strengths: the budget at each point.
        accuracy: in [0, 1], one each.
        budget: what it is, and its unit.
        chance: accuracy under random changes of the same size, one each; None draws none.
    """
    from matplotlib.ticker import PercentFormatter

    figure = style.blank(6.4, 3.4)
    axes = style.plain_axes(figure.subplots(), "Accuracy under attack")
    strengths = numpy.asarray(strengths)
    line = {"marker": "o", "markersize": 4}
    axes.plot(strengths, numpy.asarray(accuracy), color=style.FIRST, label="attacked", **line)
    if chance is not None:
        axes.plot(strengths, numpy.asarray(chance), color=style.SECOND, label="random changes", **line)
        axes.legend(frameon=False, fontsize=9, labelcolor=style.MUTED)
    axes.set(xlabel=budget, ylabel="accuracy", ylim=(-0.02, 1.02))
    _ticks(axes, strengths)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    return style.literal(figure)


def harm_figure(strengths: Any, attacked: Any, chance: Any, budget: str, quantity: str) -> Figure:
    """The mean error against the budget of an attack.

    Args:
        strengths: the budget at each point.
        attacked, chance: the errors under the attack and under random changes of the same size, one each.
        budget: what it is, and its unit.
        quantity: the error, and its unit.
    """
    figure = style.blank(6.4, 3.4)
    axes = style.plain_axes(figure.subplots(), "Error under attack")
    for errors, color, label in ((attacked, style.FIRST, "attacked"), (chance, style.SECOND, "random changes")):
        axes.plot(numpy.asarray(strengths), numpy.asarray(errors), color=color, label=label, marker="o", markersize=4)
    axes.legend(frameon=False, fontsize=9, labelcolor=style.MUTED)
    axes.set(xlabel=budget, ylabel=quantity)
    _ticks(axes, numpy.asarray(strengths))
    return style.literal(figure)


def _ticks(axes: Axes, strengths: numpy.ndarray) -> None:
    """Whole numbers only below whole ones."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(8, integer=bool((strengths == strengths.round()).all())))
