"""What a network read and what it said of it, before and after its input was changed, over the same steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .forecast import stamp_ticks
from .signed_bars import signed_bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Look = Literal["given", "came", "before", "after", "chance", "added"]

_LINES: Mapping[str, Mapping[str, Any]] = {
    "given": {"color": style.INK, "linewidth": 1.2},
    "came": {"color": style.INK, "linewidth": 0, "marker": "o", "markersize": 2.6, "alpha": 0.7},
    "before": {"color": style.FIRST, "linewidth": 2.0},
    "after": {"color": style.SECOND, "linewidth": 2.0},
    "chance": {"color": style.MUTED, "linewidth": 1.2, "linestyle": (0, (3, 2))},
}


class Trace(NamedTuple):
    """Numbers over steps.

    Attributes:
        name: in the legend; of what was added, above its panel.
        values: (steps,).
        look: what they are: "given" and "came" in ink, the latter as dots; "before" in blue, "after" in orange,
            "chance" in dashes; "added" as bars, in a panel by itself.
        first: the step at which they begin.
    """

    name: str
    values: Any
    look: Look
    first: int = 0


def before_after(panels: Mapping[str, Sequence[Trace]], stamps: Sequence[str], origin: int | None = None) -> Figure:
    """Panels one below the other, over the same steps.

    Args:
        panels: title -> what it shows.
        stamps: of all steps.
        origin: a step before which a line is drawn: where what was given ends.

    Raises:
        ArgumentError: no panel or no step, or numbers that reach beyond the steps.
    """
    if not panels or not stamps:
        raise ArgumentError(f"{len(panels)} panels over {len(stamps)} steps", hint="give at least one of each")
    ratios = [1 if any(trace.look == "added" for trace in traces) else 2.4 for traces in panels.values()]
    figure = style.blank(10.0, 0.8 + 0.95 * sum(ratios))
    rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    for axes, (title, traces) in zip(rows, panels.items()):
        style.plain_axes(axes, style.label(title, 90))
        for trace in traces:
            values = as_array(trace.values).astype(float)
            if values.ndim != 1 or not 0 <= trace.first <= trace.first + len(values) <= len(stamps):
                message = f"'{trace.name}' has numbers of shape {values.shape} from step {trace.first} on"
                raise ArgumentError(message, hint=f"give one number for each of {len(stamps)} steps at most")
            steps = numpy.arange(trace.first, trace.first + len(values))
            if trace.look == "added":
                signed_bars(axes, steps, values, trace.name)
            else:
                axes.plot(steps, values, label=trace.name, **_LINES[trace.look])
        if origin is not None:
            axes.axvline(origin - 0.5, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
        axes.margins(x=0.01)
    stamp_ticks(rows[-1], stamps, origin or 0)
    legend = {label: handle for axes in rows for handle, label in zip(*axes.get_legend_handles_labels())}
    where = {"loc": "outside lower center", "ncols": 6, "columnspacing": 1.3, "handlelength": 1.6}
    figure.legend(list(legend.values()), list(legend), **where, frameon=False, fontsize=9, labelcolor=style.MUTED)
    return style.literal(figure)
