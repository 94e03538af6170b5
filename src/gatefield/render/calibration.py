"""The reliability diagram: does a prediction of 80 % come true four times out of five?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from . import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability_diagram(count: Any, confidence: Any, accuracy: Any) -> Figure:
    """Accuracy against confidence, bin by bin, over the histogram of confidences (Guo et al. 2017, figure 1).

    Args:
        count: predictions in each of M equal bins of [0, 1], shape (M,).
        confidence: mean confidence in each bin, shape (M,); of empty bins it is not looked at.
        accuracy: share of right predictions in each bin, shape (M,); of empty bins it is not looked at.
    """
    from matplotlib.ticker import PercentFormatter

    count, confidence, accuracy = (numpy.asarray(values, dtype=float) for values in (count, confidence, accuracy))
    bins, filled = len(count), count > 0
    width = 1 / max(bins, 1)
    centres = (numpy.arange(bins) + 0.5) * width
    figure = style.blank(5.6, 5.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])

    style.plain_axes(upper, "Reliability")
    bar = {"width": 0.88 * width, "linewidth": 0}
    upper.bar(centres[filled], accuracy[filled], color=style.FIRST, label="accuracy", **bar)
    gap = confidence[filled] - accuracy[filled]
    upper.bar(
        centres[filled], gap, bottom=accuracy[filled], color=style.SECOND, alpha=0.35, label="gap to confidence", **bar
    )
    upper.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1, linestyle=(0, (2, 3)))
    upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    upper.legend(loc="upper left", frameon=False, fontsize=9, labelcolor=style.MUTED, handlelength=1.0)

    style.plain_axes(lower)
    lower.bar(centres, count / max(count.sum(), 1), color=style.MUTED, **bar)
    lower.set(xlabel="confidence", ylabel="share")
    lower.set_ylim(0, None if filled.any() else 1)
    for axis in (upper.yaxis, lower.yaxis, lower.xaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    lower.locator_params(axis="y", nbins=3)
    return style.literal(figure)
