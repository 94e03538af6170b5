"""Strips and animations of films: every frame at its place, forecasts marked as such."""

from __future__ import annotations

import io

import numpy
import pytest
from drawn import on_canvas, pixel
from PIL import Image, ImageSequence

from gatefield.core.errors import ArgumentError
from gatefield.render import style
from gatefield.render.film import film_gif, film_strip
from gatefield.render.page import Page

ORANGE = [int(style.SECOND[at : at + 2], 16) for at in (1, 3, 5)]


def film(levels, size: int = 8) -> numpy.ndarray:
    """Frames of one grey each."""
    return numpy.stack([numpy.full((1, size, size), level, dtype=numpy.uint8) for level in levels])


def test_a_strip_has_what_came_above_what_was_forecast():
    figure = film_strip(film([0, 40]), film([80, 120, 160]), {"forecast": film([90, 130, 170])})
    canvas = on_canvas(figure)
    above, below = figure.axes

    def level(axes, place):
        return pixel(figure, canvas, axes, place * 1.12 + 0.5, 0.5)[0]

    assert [level(above, place) for place in range(5)] == [0, 40, 80, 120, 160]
    assert [level(below, place) for place in range(2, 5)] == [90, 130, 170]
    surface = int(style.SURFACE[1:3], 16)
    assert level(below, 0) == level(below, 1) == surface
    assert [text.get_text() for text in below.get_xticklabels()] == ["-1", "0", "+1", "+2", "+3"]


def test_a_strip_of_an_unknown_future():
    figure = film_strip(film([0, 40]), film([0])[:0], {"forecast": film([90, 130])})
    assert len(figure.axes) == 2
    colored = numpy.zeros((2, 3, 8, 8), dtype=numpy.uint8)
    assert film_strip(colored, colored, {"one": colored, "another": colored}).axes[2].get_title(loc="left") == "another"


def test_an_animation_is_its_frames_side_by_side():
    truth, foretold = film([10, 60, 110, 160]), film([10, 60, 115, 150])
    with Image.open(io.BytesIO(film_gif([truth, foretold], [4, 2]))) as image:
        pictures = [numpy.array(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(image)]
        assert image.info["loop"] == 0
    assert len(pictures) == 4
    height, width = pictures[0].shape[:2]
    for time, picture in enumerate(pictures):
        left, right = picture[height // 2, width // 4], picture[height // 2, 3 * width // 4]
        assert abs(left - int(truth[time, 0, 0, 0])).max() <= 1
        assert abs(right - int(foretold[time, 0, 0, 0])).max() <= 1
        border = picture[0, 3 * width // 4]
        assert (abs(border - ORANGE).max() <= 6) == (time >= 2)
        assert abs(picture[0, width // 4] - ORANGE).max() > 6
    assert width // 2 >= 128


def test_refuses_what_is_no_film():
    one = film([1, 2])
    for call in (
        lambda: film_strip(one[:, 0], one, {}),
        lambda: film_strip(one, film([1, 2], size=9), {}),
        lambda: film_strip(one, one, {"forecast": film([1])}),
        lambda: film_strip(one.astype(float), one, {}),
        lambda: film_gif([], []),
        lambda: film_gif([one, film([1])], [0, 0]),
        lambda: film_gif([one], []),
    ):
        with pytest.raises(ArgumentError) as caught:
            call()
        assert caught.value.hint


def test_a_page_contains_its_animations():
    page = Page("Films")
    gif = film_gif([film([1, 200])], [1])
    page.animations([gif], ["the worst\nleft <what> came"])
    html = page.html()
    assert "data:image/gif;base64," in html
    assert 'alt="the worst, left &lt;what&gt; came"' in html
    assert "http" not in html.split("</style>")[1]
    with pytest.raises(ArgumentError, match="1 animations and 2 captions"):
        page.animations([gif], ["a", "b"])
