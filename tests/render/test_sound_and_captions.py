"""Spectrograms with their transcript, and pictures with the attention of each word: what stands where."""

from __future__ import annotations

import numpy
import pytest
import torch
from drawn import on_canvas, pixel

from gatefield.core.errors import ArgumentError
from gatefield.render.caption_attention import caption_attention
from gatefield.render.spectrogram import spectrogram_figure


def test_loud_is_dark_low_is_below_and_time_runs_to_the_right():
    S = torch.full((10, 8), -20.0)
    S[7:, 1] = 3.0  # from 1.4 of 2 seconds on, in the second lowest band
    figure = spectrogram_figure(S, 2.0, title="$x$ heard")
    (axes,) = figure.axes
    canvas = on_canvas(figure)
    loud, before, above = (pixel(figure, canvas, axes, x, y) for x, y in ((1.75, 1.5), (0.5, 1.5), (1.75, 6.5)))
    assert loud.sum() < before.sum() - 200
    assert abs(above - before).max() <= 2
    assert axes.get_title(loc="left") == "$x$ heard"
    assert axes.get_xlim() == (0, 2)


def test_symbols_stand_at_their_times_above_their_stripes():
    y = numpy.eye(3)[[0, 0, 1, 0, 2, 2]]
    figure = spectrogram_figure(torch.zeros(6, 4), 3.0, [("a", 1.0, 1.5), (" ", 2.0, 3.0)], y)
    above, below = figure.axes
    named = {text.get_text(): text.xy[0] for text in above.texts}
    assert named == {"a": 1.25, "\N{OPEN BOX}": 2.5}
    stripes = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in below.patches]
    assert stripes == [(1.0, 1.5), (2.0, 3.0)]
    blank, *others = above.lines
    assert numpy.array_equal(blank.get_ydata(), y[:, 0])
    assert [list(line.get_ydata()) for line in others] == [list(y[:, 1]), list(y[:, 2])]
    assert blank.get_color() != others[0].get_color()


@pytest.mark.parametrize(("S", "seconds"), [(torch.zeros(0, 4), 1.0), (torch.zeros(4), 1.0), (torch.zeros(3, 3), 0.0)])
def test_what_is_no_spectrogram(S, seconds):
    with pytest.raises(ArgumentError, match="no spectrogram") as caught:
        spectrogram_figure(S, seconds)
    assert caught.value.hint


def test_each_word_has_the_picture_with_its_own_places():
    picture = torch.full((1, 8, 8), 128, dtype=torch.uint8)
    weights = torch.zeros(7, 2, 2)
    weights[:, 0, 0] = 1
    weights[1] = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    words = ["a", "bar", "<x>", "w4", "w5", "w6", "(end)"]
    figure = caption_attention(picture, words, weights)
    assert [axes.get_xlabel() for axes in figure.axes][: len(words) + 1] == ["", *words]
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(shown) == 8
    assert (shown[0] == 128).all()
    orange = [panel[..., 0].astype(int) - panel[..., 2] for panel in shown]
    assert orange[1][0, 0] > 50 > abs(orange[1][7, 7])
    assert orange[2][7, 7] > 50 > abs(orange[2][0, 0])


def test_refuses_another_number_of_maps():
    with pytest.raises(ArgumentError, match="2 words and 3 maps"):
        caption_attention(torch.zeros(1, 4, 4, dtype=torch.uint8), ["a", "b"], torch.zeros(3, 2, 2))
