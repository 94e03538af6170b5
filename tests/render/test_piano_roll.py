"""The piano roll shows what sounds and what was expected, each at its key and frame."""

from __future__ import annotations

import numpy
import pytest
from drawn import on_canvas, pixel

from gatefield.core.errors import ArgumentError
from gatefield.render import style
from gatefield.render.piano_roll import key_name, piano_roll


def color(name: str) -> numpy.ndarray:
    return numpy.array([int(name[i : i + 2], 16) for i in (1, 3, 5)])


def test_each_key_is_at_its_place():
    notes, expected = numpy.zeros((5, 88)), numpy.zeros((5, 88))
    notes[1, 39], notes[3, 46] = 1, 1
    expected[0], expected[2, 43] = numpy.nan, 1.0
    expected[4, 40] = 0.5
    figure = piano_roll(notes, expected)
    canvas = on_canvas(figure)
    above, below = figure.axes
    surface = color(style.SURFACE)

    def at(axes, frame, key):  # beside the hairline of the octave
        return pixel(figure, canvas, axes, frame + 0.3, key + 0.3)

    def near(one, other):
        return numpy.abs(one - other).max() <= 3

    for frame in range(5):
        for key in range(37, 49):
            assert near(at(above, frame, key), color(style.FIRST)) == (notes[frame, key] == 1)
    assert near(at(below, 2, 43), color(style.SECOND))
    assert near(at(below, 4, 40), (color(style.SECOND) + surface) / 2)
    assert near(at(below, 0, 43), surface)  # nothing was expected
    # keys that sound, and a little around them
    assert above.get_ylim() == (36.5, 48.5)


def test_keys_have_the_names_of_music():
    assert [key_name(key) for key in (0, 3, 39, 40, 48, 87)] == ["A0", "C1", "C4", "C♯4", "A4", "C8"]
    notes = numpy.zeros((2, 88))
    notes[0, [27, 51]] = 1
    labels = [text.get_text() for text in piano_roll(notes, notes).axes[0].get_yticklabels()]
    assert labels == ["C3", "C4", "C5"]


def test_silence_is_drawn():
    figure = piano_roll(numpy.zeros((3, 88)), numpy.zeros((3, 88)))
    assert figure.axes[0].get_ylim() == (-0.5, 87.5)


@pytest.mark.parametrize("shapes", [((3, 88), (2, 88)), ((88,), (88,)), ((0, 88), (0, 88))])
def test_refuses_what_is_no_roll(shapes):
    with pytest.raises(ArgumentError, match="shape") as caught:
        piano_roll(*(numpy.zeros(shape) for shape in shapes))
    assert caught.value.hint
