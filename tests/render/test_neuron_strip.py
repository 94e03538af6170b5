"""The strip of a unit's activity shows every character once, in order."""

from __future__ import annotations

import pytest

from gatefield.core.errors import ArgumentError
from gatefield.render.neuron_strip import neuron_strip


def test_shows_every_character_that_is_no_space_and_every_line_end():
    text = "Who's $there$?\n<x>" + "z" * 95
    figure = neuron_strip(text, [index - 50 for index in range(len(text))])
    assert "".join(shown.get_text() for shown in figure.texts) == text.replace("\n", "⏎").replace(" ", "")
    rows = {round(shown.get_position()[1], 6) for shown in figure.texts}
    assert len(rows) == 3  # a line end and the full width begin new ones
    assert not any(shown.get_parse_math() for shown in figure.texts)


def test_opacity_is_the_size_of_the_number():
    figure = neuron_strip("abc", [0.0, -1.0, 0.5])
    alphas = [patch.get_facecolor()[3] for patch in figure.get_children() if hasattr(patch, "get_facecolor")][1:]
    assert alphas[0] == 0
    assert alphas[1] > alphas[2] > 0


def test_refuses_another_number_of_numbers():
    with pytest.raises(ArgumentError, match="3 characters") as caught:
        neuron_strip("abc", [1, 2])
    assert caught.value.hint
