"""Loss, accuracy and learning rate over the epochs of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = tuple[list[float], list[float]]


def training_curves(records: Sequence[Mapping[str, Any]], best: int | None = None) -> Figure:
    """The curves of one run.

    Args:
        records: one mapping an epoch, as in metrics.jsonl: ``epoch``, ``train_loss``, ``learning_rate``, and where the
            run was validated ``validation_loss`` and ``validation_accuracy`` in [0, 1]. A value may be missing.
        best: the epoch whose weights were kept; by default the first with the lowest validation loss.

    Returns:
        A panel for the loss (logarithmic when it falls by more than a factor of 20), one for the accuracy if there is
        any, and a small one for the learning rate.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, PercentFormatter, StrMethodFormatter

    train, validation = _points(records, "train_loss"), _points(records, "validation_loss")
    accuracy, rate = _points(records, "validation_accuracy"), _points(records, "learning_rate")
    if best is None and validation[0]:
        best = int(validation[0][validation[1].index(min(validation[1]))])

    names = ["loss", *(["accuracy"] if accuracy[0] else []), *(["rate"] if rate[0] else [])]
    figure = style.blank(10.0, 3.3)
    widths = [1.5 if name == "rate" else 3 for name in names]
    panels = dict(zip(names, figure.subplots(1, len(names), width_ratios=widths, squeeze=False)[0]))

    axes = style.plain_axes(panels["loss"], "Loss")
    _line(axes, train, style.FIRST, "train")
    _line(axes, validation, style.SECOND, "validation")
    losses = train[1] + validation[1]
    if losses and min(losses) > 0 and max(losses) > 20 * min(losses):
        axes.set_yscale("log")
        axes.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter=StrMethodFormatter("{x:g}"))
        axes.minorticks_off()
    elif losses and min(losses) >= 0:
        axes.set_ylim(bottom=0, top=max(losses) * 1.08 or 1)
    _mark(axes, validation if validation[0] else train, best, "")

    if "accuracy" in panels:
        axes = style.plain_axes(panels["accuracy"], "Validation accuracy")
        _line(axes, accuracy, style.SECOND, "")
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
        _mark(axes, accuracy, best, "{:.2%}")
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -0.02), min(max(high + 0.14 * (high - low), low + 0.01), 1.06))
        bottom, top = axes.get_ylim()  # the room above 100 % is for the mark's words alone
        axes.set_yticks([tick for tick in axes.get_yticks() if bottom <= tick <= min(top, 1)])
    if "rate" in panels:
        axes = style.plain_axes(panels["rate"], "Learning rate")
        _line(axes, rate, style.MUTED, "")
        axes.set_ylim(bottom=0, top=max(rate[1]) * 1.15 or 1)
        axes.yaxis.set(major_locator=MaxNLocator(3), major_formatter=StrMethodFormatter("{x:g}"))
    for axes in panels.values():
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(
            MaxNLocator(6 if axes is not panels.get("rate") else 3, integer=True, min_n_ticks=1)
        )
        axes.margins(x=0.06)
        if len({record["epoch"] for record in records}) == 1:
            axes.set_xlim(records[0]["epoch"] - 1, records[0]["epoch"] + 1)
            axes.set_xticks([records[0]["epoch"]])
    return style.literal(figure)


def _points(records: Sequence[Mapping[str, Any]], key: str) -> Points:
    """The epochs that have a finite ``key``, and its values there."""
    pairs = [(float(record["epoch"]), float(record[key])) for record in records if record.get(key) is not None]
    pairs = [(epoch, value) for epoch, value in pairs if math.isfinite(value)]
    return [epoch for epoch, _ in pairs], [value for _, value in pairs]


def _line(axes: Axes, points: Points, color: str, name: str) -> None:
    """Draw ``points`` and name them; few epochs get dots as well, so that a single one can be seen."""
    epochs, values = points
    if not epochs:
        return
    axes.plot(
        epochs,
        values,
        color=color,
        linewidth=1.8,
        marker="o" if len(epochs) <= 12 else "",
        markersize=4,
        solid_capstyle="round",
        label=name or "_",
    )
    if name:
        # On the title's line, where it can hide no curve.
        where = {"loc": "lower right", "bbox_to_anchor": (1.02, 0.985), "ncols": 2, "columnspacing": 1.2}
        axes.legend(**where, frameon=False, fontsize=9, labelcolor=style.MUTED, handlelength=1.2)


def _mark(axes: Axes, points: Points, best: int | None, text: str) -> None:
    """A ring at epoch ``best``, and its value in words."""
    if best is None or best not in points[0]:
        return
    value = points[1][points[0].index(best)]
    axes.axvline(best, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
    axes.plot(
        [best], [value], "o", markersize=9, markerfacecolor="none", markeredgecolor=style.INK, markeredgewidth=1.3
    )
    if text:
        late = best > (points[0][0] + points[0][-1]) / 2
        axes.annotate(
            f"{text.format(value)} in epoch {best}",
            (best, value),
            xytext=(-10 if late else 10, 9),
            textcoords="offset points",
            ha="right" if late else "left",
            color=style.INK,
            fontsize=9,
            weight="bold",
        )
