"""The regime figure is judged by its lines, its shade and its pixels."""

from __future__ import annotations

import numpy
import pytest
from drawn import on_canvas, pixel

from gatefield.core.errors import ArgumentError
from gatefield.render.reservoir import regime_figure

RADII = [0.5, 1.0, 1.5, 2.0, 2.5]


def test_shade_begins_where_chaos_does():
    figure = regime_figure(RADII, [-0.7, -0.1, -0.05, 0.1, 0.3], [3, 9, 6, 2, 1])
    canvas = on_canvas(figure)
    left = figure.axes[0]
    assert pixel(figure, canvas, left, 2.25, -0.4).min() < 250
    assert pixel(figure, canvas, left, 1.75, -0.4).min() > 250
    (line,) = [line for line in figure.axes[1].lines if len(line.get_xdata()) == 5]
    assert list(line.get_ydata()) == [3, 9, 6, 2, 1]
    assert figure.axes[1].get_ylim()[0] == 0


def test_orbits_stand_below_each_with_its_radius():
    wave = numpy.sin(numpy.arange(50))
    figure = regime_figure(RADII, [0.1] * 5, [1] * 5, {0.5: wave, 2.0: wave * 0.5})
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels[-2:] == ["0.5", "2"]
    assert figure.axes[-1].lines[0].get_ydata() == pytest.approx(wave * 0.5)
    on_canvas(figure)


def test_wrong_numbers_are_named():
    for exponents, capacities, name in (([0.0], [1] * 5, "exponents"), ([0.0] * 5, [1], "capacities")):
        with pytest.raises(ArgumentError, match=name) as caught:
            regime_figure(RADII, exponents, capacities)
        assert caught.value.hint
