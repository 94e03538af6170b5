"""Explanations as pictures: a map over its picture, weights behind words, a curve."""

from __future__ import annotations

import numpy
import pytest
import torch
from matplotlib.colors import to_rgb

from gatefield.core.errors import ArgumentError
from gatefield.render import style
from gatefield.render.overlay import overlay
from gatefield.render.robustness import robustness_figure
from gatefield.render.token_strip import token_strip

GREY = numpy.full((1, 8, 12), 100, numpy.uint8)


def closer(color: numpy.ndarray, name: str, other: str) -> bool:
    distances = [numpy.abs(color / 255 - to_rgb(each)).sum() for each in (name, other)]
    return distances[0] < distances[1]


def test_orange_for_blue_against_and_nothing_where_nothing_counts():
    heat = torch.zeros(8, 12)
    heat[2, 3], heat[5, 9] = 2.0, -2.0
    drawn = overlay(GREY, heat)
    assert drawn.shape == (3, 8, 12)
    assert drawn.dtype == numpy.uint8
    assert closer(drawn[:, 2, 3], style.SECOND, style.FIRST)
    assert closer(drawn[:, 5, 9], style.FIRST, style.SECOND)
    assert drawn[:, 0, 0].tolist() == [100, 100, 100]


def test_half_the_number_is_half_the_colour():
    heat = numpy.zeros((8, 12))
    heat[0, 0], heat[0, 1] = 1.0, 0.5
    drawn = overlay(GREY, heat).astype(int)
    full, half = drawn[:, 0, 0] - 100, drawn[:, 0, 1] - 100
    assert numpy.abs(full - 2 * half).max() <= 2
    assert numpy.array_equal(overlay(GREY, 1000 * heat), drawn)  # only the shares count


def test_a_coarse_map_is_interpolated_about_its_centres():
    """As torch does it: bilinear, corners not aligned."""
    heat = torch.rand(3, 2, generator=torch.Generator().manual_seed(0))
    fine = torch.nn.functional.interpolate(heat[None, None], (8, 12), mode="bilinear", align_corners=False)[0, 0]
    difference = overlay(GREY, heat).astype(int) - overlay(GREY, fine).astype(int)
    assert numpy.abs(difference).max() <= 1


def test_a_box_is_what_the_network_saw():
    picture = numpy.zeros((3, 10, 30), numpy.uint8)
    picture[0] = 250
    drawn = overlay(picture, numpy.ones((2, 2)), (0, 10, 10, 10))
    outside, inside = drawn[:, :, :10], drawn[:, :, 10:20]
    assert (outside == outside[:, :1, :1]).all()
    assert outside[0, 0, 0] > outside[1, 0, 0] > 100  # its own red, faded
    assert (inside == inside[:, :1, :1]).all()
    assert numpy.array_equal(drawn[:, :, 20:], outside)


def test_numbers_that_are_none_and_maps_of_zeros():
    heat = numpy.array([[numpy.nan, 1.0], [0.0, -numpy.inf]])
    assert overlay(GREY, heat).shape == (3, 8, 12)
    assert (overlay(GREY, numpy.zeros((2, 2))) == 100).all()


def test_what_is_no_picture_no_map_or_no_box_is_refused():
    with pytest.raises(ArgumentError, match="is not a picture"):
        overlay(GREY.astype(float), numpy.ones((2, 2)))
    for wrong in (numpy.ones(3), numpy.ones((3, 2, 2)), numpy.ones((0, 2))):
        with pytest.raises(ArgumentError, match="no rows and columns"):
            overlay(GREY, wrong)
    for box in ((0, 0, 9, 12), (-1, 0, 4, 4), (0, 9, 4, 4), (0, 0, 0, 4)):
        with pytest.raises(ArgumentError, match="leaves a picture of 8 x 12"):
            overlay(GREY, numpy.ones((2, 2)), box)


def test_words_stand_in_order_with_their_colours():
    words = ["not", "$a$", "good\nfilm", "", "x" * 90, *["more"] * 40]
    numbers = torch.zeros(len(words))
    numbers[0], numbers[2] = -1.0, 0.5
    figure = token_strip(words, numbers, "negative, 93 %")
    texts = [text for text in figure.texts if text.get_bbox_patch() is not None]
    assert [text.get_text() for text in texts[:3]] == ["not", "$a$", "good film"]
    assert len(texts) == len(words)
    assert texts[0].get_bbox_patch().get_facecolor() == pytest.approx((*to_rgb(style.FIRST), 0.75))
    assert texts[2].get_bbox_patch().get_facecolor() == pytest.approx((*to_rgb(style.SECOND), 0.375))
    assert texts[1].get_bbox_patch().get_facecolor()[3] == 0
    places = [(-round(text.get_position()[1], 6), text.get_position()[0]) for text in texts]
    assert places == sorted(places)
    figure.canvas.draw()
    width = figure.bbox.width
    assert all(text.get_window_extent().x1 <= width for text in texts)
    with pytest.raises(ArgumentError, match="2 tokens"):
        token_strip(["a", "b"], torch.zeros(3))


def test_the_curve_shows_its_points():
    figure = robustness_figure([0, 4, 8], [1.0, 0.5, 0.25])
    line = figure.axes[0].get_lines()[0]
    assert line.get_xydata().tolist() == [[0, 1], [4, 0.5], [8, 0.25]]
