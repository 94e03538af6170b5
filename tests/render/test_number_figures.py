"""Figures of explanations on numbers: the course of a series, piano rolls, what must be remembered, films."""

from __future__ import annotations

import numpy
import pytest
import torch
from drawn import on_canvas, pixel
from matplotlib.colors import to_rgb

from gatefield.core.errors import ArgumentError
from gatefield.render import style
from gatefield.render.course import course_figure
from gatefield.render.film_contributions import FilmRow, film_contributions
from gatefield.render.remembered import remembered_figure, remembered_map
from gatefield.render.roll_contributions import roll_contributions

ORANGE, BLUE, PAPER = (numpy.array(to_rgb(color)) * 255 for color in (style.SECOND, style.FIRST, style.SURFACE))


def near(found, wanted) -> bool:
    return bool(numpy.abs(numpy.asarray(found, float) - numpy.asarray(wanted)).max() < 12)


def heights(axes) -> dict[int, float]:
    return {
        round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in axes.patches if bar.get_width() == 0.9
    }


def test_a_course_ends_at_the_step_asked_about_and_goes_on_pale():
    stamps = [f"2020-01-{day:02}" for day in range(1, 7)]
    bars = {"occlusion": torch.tensor([0.0, -1.0, 0.5, 0.0, 0.0, 0.0])}
    figure = course_figure(torch.arange(6.0), stamps, 2, "up: 61%", bars, "gold")
    top, below = figure.axes
    later, seen, dot = top.lines[:3]
    assert later.get_xdata().tolist() == [2, 3, 4, 5]
    assert later.get_alpha() < 1
    assert seen.get_ydata().tolist() == [0, 1, 2]
    assert (list(dot.get_xdata()), list(dot.get_ydata())) == ([2], [2])
    assert heights(below) == {0: 0, 1: -1, 2: 0.5, 3: 0, 4: 0, 5: 0}
    canvas = on_canvas(figure)
    assert near(pixel(figure, canvas, below, 1, -0.6), BLUE)
    assert near(pixel(figure, canvas, below, 2, 0.2), ORANGE)
    assert [text.get_text() for text in below.get_xticklabels()] == stamps
    assert [text.get_text() for text in top.texts] == ["up: 61%"]
    on_canvas(course_figure([3.0], ["$x$"], 0, "", {}))  # one step, whose name is no formula


@pytest.mark.parametrize(
    ("stamps", "asked", "numbers", "message"),
    [("abc", 3, [0, 0, 0], "no step 3"), ("ab", 1, [0, 0, 0], "'stamps'"), ("abc", 1, [0, 0], "'bars'")],
)
def test_a_course_of_other_lengths_is_refused(stamps, asked, numbers, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        course_figure([1.0, 2.0, 3.0], list(stamps), asked, "", {"bars": numbers})
    assert "3 steps" in caught.value.message


def test_keys_are_filled_with_what_they_count_and_the_one_asked_about_is_named():
    notes, heat, expected = torch.zeros(5, 88), torch.zeros(5, 88), torch.zeros(88)
    notes[1, 40] = notes[3, 45] = 1
    heat[1, 40], heat[3, 45] = 2.0, -1.0
    expected[40], expected[45] = 0.75, 0.1
    figure = roll_contributions(notes, heat, expected, 40, "by occlusion", first=11)
    canvas = on_canvas(figure)
    roll, column = figure.axes
    assert near(pixel(figure, canvas, roll, 12, 40), ORANGE)
    assert near(pixel(figure, canvas, roll, 14, 45), (BLUE + PAPER) / 2)
    assert near(pixel(figure, canvas, roll, 13, 42), PAPER)
    assert near(pixel(figure, canvas, column, 0.5, 40), ORANGE)
    assert near(pixel(figure, canvas, column, 0.9, 45), PAPER)
    assert roll.get_ylim() == (37.5, 47.5)
    (name,) = [text.get_text() for text in column.texts]
    assert name == "C♯4 75%"
    assert column.get_xlabel() == "frame 16, expected"
    silent = roll_contributions(numpy.zeros((1, 88)), numpy.zeros((1, 88)), numpy.zeros(88), 0)
    assert silent.axes[0].get_ylim() == (-0.5, 2.5)
    for wrong in ((notes[0], heat[0], expected), (notes, heat[:4], expected), (notes[:0], heat[:0], expected)):
        with pytest.raises(ArgumentError, match="shape"):
            roll_contributions(*wrong, 40)
    with pytest.raises(ArgumentError, match="no key 88"):
        roll_contributions(notes, heat, expected, 88)


def test_the_steps_that_count_are_shaded_and_named():
    heat = numpy.array([0.0, 0.3, 0.0, -0.6])
    figure = remembered_figure(torch.tensor([0.9, 0.25, 0.5, 0.75]), {"occlusion": heat}, [1, 3])
    top, below = figure.axes
    assert [text.get_text() for text in top.texts] == ["0.25", "0.75"]
    assert heights(below) == {0: 0, 1: 0.3, 2: 0, 3: -0.6}
    canvas = on_canvas(figure)
    shaded = PAPER + (ORANGE - PAPER) * 0.12
    assert near(pixel(figure, canvas, below, 1.48, -0.13), shaded)
    assert near(pixel(figure, canvas, below, 0.2, -0.13), PAPER)
    symbols = remembered_figure(["a", "X", "b", "Y"], {"occlusion": heat}, [1, 3])
    words = {text.get_text(): text.get_weight() for text in symbols.axes[0].texts}
    assert words == {"a": "normal", "X": "bold", "b": "normal", "Y": "bold"}
    for panels, marked, message in (({"it": heat[:3]}, [1], "'it' does not fit"), ({}, [4], "not all among 4 steps")):
        with pytest.raises(ArgumentError, match=message):
            remembered_figure(["a", "X", "b", "Y"], panels, marked)


def test_cells_that_answers_ought_to_be_due_to_are_framed():
    figure = remembered_map(["1: a", "2: b"], ["a", "b", "·"], torch.eye(2, 3), [(0, 0), (1, 1)])
    (axes,) = figure.axes
    frames = [patch.get_xy() for patch in axes.patches if patch.get_edgecolor()[:3] == to_rgb(style.INK)]
    assert frames == [(-0.5, -0.5), (0.5, 0.5)]
    assert near(pixel(figure, on_canvas(figure), axes, 1, 1), ORANGE)


def test_films_have_their_maps_on_one_scale_and_the_spot_framed():
    seen = numpy.zeros((2, 1, 4, 6), dtype=numpy.uint8)
    heat = torch.zeros(2, 4, 6)
    heat[0, 1, 2], heat[1, 3, 5] = 4.0, -2.0
    rows = [FilmRow("first", heat, seen[0] + 255, (0, 5)), FilmRow("second", -heat, seen[0], (2, 2))]
    figure = film_contributions(seen, rows, 3)
    canvas = on_canvas(figure)
    _, first, second = figure.axes
    wide, tall, scale = 1.12, 1 / 6, 4 / 6  # from a frame to the next, and of a pixel

    def at(axes, frame, row, column):
        return pixel(figure, canvas, axes, frame * wide + (column + 0.5) / 6, scale - (row + 0.5) * tall)

    assert near(at(first, 0, 1, 2), 0.8 * ORANGE)  # full colour over black
    assert near(at(first, 1, 3, 5), 0.4 * BLUE)  # half of it
    assert near(at(second, 1, 3, 5), 0.4 * ORANGE)
    assert near(at(first, 0, 0, 0), [0, 0, 0])
    (cut,), (whole,) = first.patches, second.patches
    assert (cut.get_width(), cut.get_height()) == pytest.approx((2 / 6, 2 / 6))  # at a corner of the frame
    assert (whole.get_width(), whole.get_height()) == pytest.approx((3 / 6, 3 / 6))
    left = 2 * wide + 0.6
    assert (whole.get_x(), whole.get_y() + whole.get_height()) == pytest.approx((left + 1 / 6, scale - tall))
    assert [text.get_text() for text in second.get_xticklabels()] == ["−1", "0", "forecast"]
    colored = film_contributions(seen.repeat(3, 1), [rows[0]._replace(frame=seen[0].repeat(3, 0))], 3)
    assert len(colored.axes) == 2
    for wrong in ([], [rows[0]._replace(heat=heat[:1])]):
        with pytest.raises(ArgumentError, match="maps of shape"):
            film_contributions(seen, wrong, 3)
