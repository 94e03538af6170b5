"""Where gradients vanish or explode: their norm by layer, over the epochs, and by time lag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style
from .arrays import as_array
from .layer_names import layer_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = (style.FIRST, style.SECOND, style.INK, style.MUTED)


def gradient_by_layer_figure(norms: Mapping[str, Mapping[str, float]]) -> Figure:
    """The norm of the gradient of every layer, from the input up, on a logarithmic scale (catalogue 121).

    Args:
        norms: what a curve is called -> layer -> norm; all curves have the same number of layers, whose names are
            those of the first.

    Raises:
        ArgumentError: nothing to draw, or curves of different lengths.
    """
    counts = {len(layers) for layers in norms.values()}
    if len(counts) != 1 or 0 in counts:
        message = f"curves of {', '.join(map(str, sorted(counts))) or 'no'} layers"
        raise ArgumentError(message, hint="give curves over the same layers, at least one", path=("norms",))
    (count,) = counts
    names = list(next(iter(norms.values())))
    figure = style.blank(float(numpy.clip(0.32 * count + 1.6, 5.6, 11.0)), 3.6)
    axes = style.plain_axes(figure.subplots(), "Gradient by layer")
    for k, (name, layers) in enumerate(norms.items()):
        _line(axes, range(count), list(layers.values()), _COLORS[k % len(_COLORS)], name, marks=count <= 60)
    _logarithmic(axes, [value for layers in norms.values() for value in layers.values()])
    step = max(1, -(-count // 30))
    axes.set_xticks(range(0, count, step), layer_names(names)[::step], rotation=45, ha="right")
    axes.tick_params(axis="x", labelsize=7.5, rotation_mode="anchor")
    axes.set_ylabel("norm of the gradient")
    if len(norms) > 1:
        _legend(axes)
    return style.literal(figure)


def gradient_by_epoch_figure(records: Sequence[Mapping[str, float]]) -> Figure:
    """The norm of every layer's gradient over training, light near the input and dark near the output.

    Args:
        records: one mapping an epoch: ``epoch``, and layer -> norm, as `explain.gradient_flow.GradientFlow` keeps them.

    Raises:
        ArgumentError: nothing to draw.
    """
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    layers = [name for name in (records[0] if records else {}) if name != "epoch"]
    if not layers:
        raise ArgumentError("there are no gradients to draw", hint="train for at least one epoch", path=("records",))
    figure = style.blank(6.4, 3.6)
    axes = style.plain_axes(figure.subplots(), "Gradient over training")
    epochs = [record["epoch"] for record in records]
    for k, name in enumerate(layers):
        shade = colormaps["viridis_r"](0.1 + 0.9 * k / max(len(layers) - 1, 1))
        _line(axes, epochs, [record.get(name, numpy.nan) for record in records], shade, name, len(epochs) <= 12)
    _logarithmic(axes, [record[name] for record in records for name in layers if name in record])
    axes.set(xlabel="epoch", ylabel="mean norm of the gradient")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    if len(layers) <= 12:
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
        axes.legend(**place, frameon=False, fontsize=8, labelcolor=style.MUTED, handlelength=1.2)
    return style.literal(figure)


def gradient_by_lag_figure(curves: Mapping[str, tuple[Any, Any]], title: str = "Gradient by time lag") -> Figure:
    """How much of the past is still felt, on a logarithmic scale: a line that falls vanishes, one that rises explodes.

    Draws norms of gradients and of Jacobians dh_T/dh_{T-lag} alike (catalogue 155).

    Args:
        curves: name -> lags (n,) and norms (n,) or (n, batch); of a batch the median, and a band for the middle half.
        title: above the curves.

    Raises:
        ArgumentError: nothing to draw, or lags and norms of different lengths.
    """
    from matplotlib.ticker import MaxNLocator

    if not curves:
        raise ArgumentError("there is no curve to draw", hint="give at least one", path=("curves",))
    figure = style.blank(6.0, 3.6)
    axes = style.plain_axes(figure.subplots(), title)
    everything: list[float] = []
    for k, (name, (lag, norm)) in enumerate(curves.items()):
        lag, norm = as_array(lag).astype(float), as_array(norm).astype(float)
        norm = norm[:, None] if norm.ndim == 1 else norm
        if len(lag) != len(norm) or not norm.size:
            message = f"'{name}' has {len(lag)} lags and norms of shape {norm.shape}"
            raise ArgumentError(message, hint="give one norm, or row of norms, for each lag", path=("curves", name))
        color = _COLORS[k % len(_COLORS)]
        lower, middle, upper = numpy.quantile(norm, (0.25, 0.5, 0.75), axis=1)
        _line(axes, lag, middle, color, name, marks=len(lag) <= 12)
        if norm.shape[1] > 1:
            axes.fill_between(lag, lower, upper, color=color, alpha=0.15, linewidth=0)
        everything += middle.tolist()
    _logarithmic(axes, everything)
    axes.set(xlabel="steps back", ylabel="norm")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    if len(curves) > 1:
        _legend(axes)
    return style.literal(figure)


def _line(axes: Axes, x: Any, y: Any, color: Any, name: str, marks: bool) -> None:
    values = numpy.asarray(y, dtype=float)
    values = numpy.where(values > 0, values, numpy.nan)  # a gradient of 0 has no place on a logarithmic scale
    axes.plot(x, values, color=color, linewidth=1.6, marker="o" if marks else "", markersize=3.5, label=name)


def _logarithmic(axes: Axes, values: Sequence[float]) -> None:
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    positive = [value for value in values if value > 0]
    if positive:
        axes.set_yscale("log")
        axes.minorticks_off()
        if max(positive) < 100 * min(positive):
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # matplotlib's own writes formulas


def _legend(axes: Axes) -> None:
    place = {"loc": "lower right", "bbox_to_anchor": (1.02, 0.985), "ncols": 3, "columnspacing": 1.2}
    axes.legend(**place, frameon=False, fontsize=9, labelcolor=style.MUTED, handlelength=1.2)
