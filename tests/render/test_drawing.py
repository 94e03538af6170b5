"""A figure becomes markup or a picture: once, and as matplotlib would make it."""

from __future__ import annotations

import io

import pytest
from matplotlib.figure import Figure

from gatefield.render import style
from gatefield.render.drawing import draw, figure_png

SAVE = {"svg": lambda figure: draw(figure, "four lines", "a"), "png": lambda figure: figure_png(figure, 72)}


def four_lines() -> Figure:
    figure = style.blank(4, 3)
    for axes in figure.subplots(2, 2).flat:
        style.plain_axes(axes, "title").set_xlabel("wide\nlabel")
        axes.plot([1, 2, 4], [0.001, 1000, 3])
    return figure


def test_pixels_are_those_of_matplotlib():
    expected = io.BytesIO()
    four_lines().savefig(expected, format="png", dpi=72)
    assert figure_png(four_lines(), 72) == expected.getvalue()


@pytest.mark.parametrize("kind", SAVE)
def test_a_figure_that_lays_itself_out_is_drawn_once_and_left_as_it_was(kind, monkeypatch):
    figure = four_lines()
    draws = []
    monkeypatch.setattr(figure.patch, "draw", draws.append)
    before = figure.get_layout_engine(), figure.dpi, figure.canvas
    first = SAVE[kind](figure)
    assert len(draws) == 1
    assert (figure.get_layout_engine(), figure.dpi, figure.canvas) == before
    assert SAVE[kind](figure) == first
    figure.get_axes()[0].set_ylabel("wider")
    SAVE[kind](figure)
    assert len(draws) == 3
    assert SAVE[kind](figure) != first


@pytest.mark.parametrize("kind", SAVE)
def test_scripts_that_the_font_of_matplotlib_lacks_are_left_to_the_browser(kind):
    figure = four_lines()
    axes = figure.get_axes()[0]
    axes.set_xticks([1, 2], ["日本語", "￭"])
    axes.set_title("हिन्दी")
    made = SAVE[kind](figure)
    if kind == "svg":
        assert "日本語" in made
        assert "हिन्दी" in made
