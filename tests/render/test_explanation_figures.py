"""Figures of explanations on sequences: maps of answers, contributions by lag, strips under a sound, framed words."""

from __future__ import annotations

import numpy
import pytest
import torch
from drawn import on_canvas, pixel
from matplotlib.colors import to_rgb

from gatefield.core.errors import ArgumentError
from gatefield.render import style
from gatefield.render.contributions import contribution_figure
from gatefield.render.position_map import position_map
from gatefield.render.spectrogram import spectrogram_strips
from gatefield.render.token_strip import token_strip

ORANGE, BLUE = (numpy.array(to_rgb(color)) * 255 for color in (style.SECOND, style.FIRST))


def _near(found, wanted) -> bool:
    return bool(numpy.abs(numpy.asarray(found, float) - numpy.asarray(wanted)).max() < 12)


def test_cells_stand_in_their_row_and_column_on_one_scale_or_each_rows():
    heat = torch.tensor([[0.0, 4.0, -2.0], [-1.0, 0.0, 0.5]])
    for each_row, half in ((False, -1 / 4), (True, -1.0)):
        figure = position_map(["a: X", "b: Y"], ["one", "two", "three"], heat, "by occlusion", each_row)
        canvas = on_canvas(figure)
        (axes,) = figure.axes
        assert _near(pixel(figure, canvas, axes, 1, 0), ORANGE)
        paper = numpy.array(to_rgb(style.SURFACE)) * 255
        assert _near(pixel(figure, canvas, axes, 0, 1), paper + (BLUE - paper) * -half)
        assert _near(pixel(figure, canvas, axes, 0, 0), paper)
        assert [text.get_text() for text in axes.get_yticklabels()] == ["a: X", "b: Y"]
        assert [text.get_text() for text in axes.get_xticklabels()] == ["one", "two", "three"]
        title = axes.title.get_window_extent() if axes.title.get_text() else axes._left_title.get_window_extent()
        assert title.x1 <= figure.bbox.x1  # wider than its map, and yet on the page
        assert min(text.get_window_extent().x0 for text in axes.get_yticklabels()) >= 0


def test_a_map_of_nothing_and_one_of_nans_are_drawn_and_wrong_shapes_refused():
    on_canvas(position_map(["a"], ["b"], [[0.0]]))
    on_canvas(position_map([" "], ["\n"], [[float("nan")]]))
    figure = position_map([str(k) for k in range(90)], ["" for _ in range(300)], numpy.ones((90, 300)))
    width, height = figure.get_size_inches()
    assert width < 12
    assert height < 12
    for rows, columns, heat in (("ab", "c", [[1.0]]), ("", "", numpy.ones((0, 0))), ("a", "b", [1.0])):
        with pytest.raises(ArgumentError, match="for "):
            position_map(list(rows), list(columns), heat)


def test_bars_stand_at_their_lags_and_the_marked_step_is_ahead():
    past, forecast = numpy.arange(5.0), numpy.array([5.0, 7.0, 6.0])
    figure = contribution_figure(past, forecast, 1, {"occlusion": torch.tensor([0.0, -1.0, 0.0, 0.5, 2.0])}, "sales")
    top, bars = figure.axes
    heights = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in bars.patches}
    assert heights == {-5: 0, -4: -1, -3: 0, -2: 0.5, -1: 2}
    colors = {round(bar.get_x() + bar.get_width() / 2): bar.get_facecolor()[:3] for bar in bars.patches}
    assert colors[-1] == pytest.approx(to_rgb(style.SECOND))
    assert colors[-4] == pytest.approx(to_rgb(style.FIRST))
    series, ahead, mark = (line.get_xydata().tolist() for line in top.get_lines()[:3])
    assert series == [[-5, 0], [-4, 1], [-3, 2], [-2, 3], [-1, 4]]
    assert ahead == [[-1, 4], [0, 5], [1, 7], [2, 6]]
    assert mark == [[1, 7]]
    on_canvas(figure)
    labels = {text.get_text() for text in bars.get_xticklabels()}
    assert {"−1", "+1"} <= labels


def test_contributions_that_do_not_fit_are_refused():
    for past, ahead, marked, values in (([1, 2], [3], 0, [1]), ([1, 2], [3], 1, [1, 2]), ([1], [2], -1, [1])):
        with pytest.raises(ArgumentError, match="does not fit"):
            contribution_figure(past, ahead, marked, {"a": values})


def test_strips_lie_below_the_moments_they_are_about():
    S = numpy.zeros((20, 4))
    figure = spectrogram_strips(S, 0.5, {"occlusion": [0, 1.0, -2.0], "gradient": [0.1, 0, 0]}, 0.1, 0.15)
    spectrogram, first, second = figure.axes
    assert spectrogram.get_xlim() == first.get_xlim() == (0, 0.5)
    middles = [bar.get_x() + bar.get_width() / 2 for bar in first.patches]
    assert middles == pytest.approx([0.1, 0.25, 0.4])
    assert [bar.get_height() for bar in first.patches] == [0, 1, -2]
    assert first.patches[2].get_facecolor()[:3] == pytest.approx(to_rgb(style.FIRST))
    assert second.get_ylim()[1] < 0.2  # a scale of its own
    on_canvas(figure)
    with pytest.raises(ArgumentError, match="'a' has the shape"):
        spectrogram_strips(S, 0.5, {"a": [[1.0]]}, 0.1, 0.1)
    with pytest.raises(ArgumentError, match="no spectrogram"):
        spectrogram_strips(S, 0.0, {}, 0.1, 0.1)


def test_the_word_that_is_explained_is_framed():
    figure = token_strip(["go", "it", " ", "\n"], torch.tensor([1.0, 0.5, 0, 0]), "A", marked=1)
    go, it, space, line = (text for text in figure.texts if text.get_bbox_patch() is not None)
    assert it.get_weight() == "bold"
    assert it.get_bbox_patch().get_edgecolor()[:3] == pytest.approx(to_rgb(style.INK))
    assert go.get_bbox_patch().get_edgecolor()[3] == 0
    assert (space.get_text(), line.get_text()) == ("␣", "⏎")
    with pytest.raises(ArgumentError, match="no token 4"):
        token_strip(["a"], torch.zeros(1), marked=4)
