"""Sound as a picture: the energies of its bands over time, and what is heard in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ..core.errors import ArgumentError
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Symbol = tuple[str, float, float]
_RANGE = 12.0  # nats below the loudest that are still told from silence: 52 dB


def spectrogram_figure(
    log_mel: Any, seconds: float, symbols: Sequence[Symbol] = (), probabilities: Any = None, title: str = ""
) -> Figure:
    """A log-mel spectrogram, low bands below, darker where there is more energy; and above it what is heard, and when.

    Args:
        log_mel: natural logarithms of energies, (time, bands).
        seconds: that it lasts.
        symbols: what is heard, each with the second it begins and ends.
        probabilities: of the symbols in each frame, (frames, symbols), drawn as lines above the spectrogram; the first
            column is the blank.
        title: above all.

    Raises:
        ArgumentError: no spectrogram, or one that lasts no time.
    """
    S = _array(log_mel)
    if S.ndim != 2 or not S.size or not seconds > 0:
        message = f"an array of shape {S.shape} over {seconds:g} s is no spectrogram"
        raise ArgumentError(message, hint="give (time, bands), and the seconds it lasts")
    lines = probabilities is not None
    figure = style.blank(9.0, 1.9 + 0.9 * lines)
    ratios = [0.9, 1.5] if lines else [1.5]
    *above, axes = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios, squeeze=False)[:, 0]
    axes.imshow(_shades(S).transpose(1, 0, 2), origin="lower", aspect="auto", extent=(0, seconds, 0, S.shape[1]))
    style.plain_axes(axes, "" if lines else title)
    axes.grid(visible=False)
    axes.set_yticks([])
    axes.set_xlabel("seconds")
    axes.set_ylabel("bands")
    axes.set_xlim(0, seconds)
    for axes_above in above:
        _probabilities(axes_above, _array(probabilities), seconds, title)
    _name(above[0] if above else axes, symbols)
    for _, start, stop in symbols:
        axes.axvspan(start, stop, color=style.SECOND, alpha=0.18, linewidth=0)
    return style.literal(figure)


def spectrogram_strips(
    log_mel: Any, seconds: float, strips: Mapping[str, Any], first: float, step: float, title: str = ""
) -> Figure:
    """A log-mel spectrogram, and below it what each moment counts for: orange speaks for the answer, blue against it.

    Args:
        log_mel: natural logarithms of energies, (time, bands).
        seconds: that it lasts.
        strips: name -> one number a frame; each strip has a scale of its own.
        first: the middle of the first frame, in seconds.
        step: seconds from one frame to the next.
        title: above all.

    Raises:
        ArgumentError: no spectrogram, or a strip that is no row of numbers.
    """
    S = _array(log_mel)
    if S.ndim != 2 or not S.size or not seconds > 0 or not step > 0:
        message = f"an array of shape {S.shape} over {seconds:g} s is no spectrogram"
        raise ArgumentError(message, hint="give (time, bands), and the seconds it lasts")
    figure = style.blank(9.0, 1.9 + 0.85 * len(strips))
    axes, *below = figure.subplots(
        1 + len(strips), 1, sharex=True, height_ratios=[1.5, *[0.8] * len(strips)], squeeze=False
    )[:, 0]
    axes.imshow(_shades(S).transpose(1, 0, 2), origin="lower", aspect="auto", extent=(0, seconds, 0, S.shape[1]))
    style.plain_axes(axes, title).grid(visible=False)
    axes.set_yticks([])
    axes.set_ylabel("bands")
    axes.set_xlim(0, seconds)
    for panel, (name, heat) in zip(below, strips.items()):
        values = numpy.nan_to_num(_array(heat))
        if values.ndim != 1:
            message = f"the strip '{name}' has the shape {values.shape}"
            raise ArgumentError(message, hint="give one number a frame", path=("strips", name))
        middles = first + step * numpy.arange(len(values))
        colors = numpy.where(values >= 0, style.SECOND, style.FIRST)
        style.plain_axes(panel).grid(visible=False)
        panel.bar(middles, values, width=step, color=colors, linewidth=0)
        panel.axhline(0, color=style.HAIRLINE, linewidth=0.8)
        panel.set_yticks([])
        panel.set_title(style.wrapped(name, 60, 2), loc="left", color=style.INK, size=9, pad=3)
    figure.axes[-1].set_xlabel("seconds")
    return style.literal(figure)


def sounds_side_by_side(sounds: Sequence[tuple[str, Any, Any]], seconds: float) -> Figure:
    """Waveforms in one row, on one scale, and below each its log-mel spectrogram.

    Args:
        sounds: title, samples (count,) and natural logarithms of energies (time, bands) of each.
        seconds: that each lasts.

    Raises:
        ArgumentError: no sound, or one that lasts no time.
    """
    if not sounds or not seconds > 0:
        message = f"{len(sounds)} sounds of {seconds:g} s"
        raise ArgumentError(message, hint="give at least one, and the seconds they last", path=("sounds",))
    figure = style.blank(10.0, 3.0)
    above, below = figure.subplots(2, len(sounds), squeeze=False, height_ratios=[1, 1.3])
    loudest = max(float(numpy.abs(_array(samples)).max(initial=0)) for _, samples, _ in sounds) or 1.0
    for axes, under, (title, samples, log_mel) in zip(above, below, sounds):
        style.bare_axes(axes).set_title(style.wrapped(title, 26, 2), loc="left", color=style.INK, size=9, weight="bold")
        low, high = _envelope(_array(samples))
        time = numpy.linspace(0, seconds, len(low))
        axes.fill_between(time, low, high, color=style.FIRST, linewidth=0.5)
        axes.set(xlim=(0, seconds), ylim=(-loudest, loudest))
        shades = _shades(_array(log_mel)).transpose(1, 0, 2)
        under.imshow(shades, origin="lower", aspect="auto", extent=(0, seconds, 0, shades.shape[0]))
        style.plain_axes(under).grid(visible=False)
        under.set_yticks([])
        under.set_xlabel("seconds")
        under.set_xlim(0, seconds)
    return style.literal(figure)


def _envelope(samples: numpy.ndarray, points: int = 300) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The lowest and the highest sample of each of at most ``points`` stretches; of no samples silence."""
    samples = samples if len(samples) else numpy.zeros(1)
    stretches = numpy.array_split(samples, min(points, len(samples)))
    return numpy.array([part.min() for part in stretches]), numpy.array([part.max() for part in stretches])


def _shades(S: numpy.ndarray) -> numpy.ndarray:
    """RGBA of each energy: the page's blue, the more opaque the louder."""
    from matplotlib.colors import to_rgb

    loudest = float(S.max())
    share = numpy.clip((S - loudest + _RANGE) / _RANGE, 0, 1)
    colors = numpy.empty((*S.shape, 4))
    colors[..., :3], colors[..., 3] = to_rgb(style.FIRST), share**1.5
    return colors


def _probabilities(axes: Axes, y: numpy.ndarray, seconds: float, title: str) -> None:
    """A line a symbol; the blank, the first, in grey."""
    time = (numpy.arange(len(y)) + 0.5) * seconds / max(len(y), 1)
    style.plain_axes(axes, title)
    axes.plot(time, y[:, 0], color=style.MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    for column in y[:, 1:].T:
        if column.max(initial=0) > 0.05:  # the others would only be a thick line at zero
            axes.plot(time, column, color=style.SECOND, linewidth=1.3)
    axes.set_ylim(0, 1.3)
    axes.set_yticks([0, 1])
    axes.set_ylabel("probability")


def _name(axes: Axes, symbols: Sequence[Symbol]) -> None:
    """The symbols at their times, at the upper edge."""
    for symbol, start, stop in symbols:
        axes.annotate(
            "\N{OPEN BOX}" if symbol == " " else style.label(symbol, 12),
            ((start + stop) / 2, 0.97),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="top",
            color=style.INK,
            size=10,
            weight="bold",
        )


def _array(values: Any) -> numpy.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return numpy.asarray(values, dtype=float)
