"""The map of attention: a row a symbol written, a column a symbol read, colour as deep as the weight."""

from __future__ import annotations

import numpy
import pytest
import torch

from gatefield.core.errors import ArgumentError
from gatefield.render.attention import attention_map
from gatefield.render.drawing import figure_png


def colors(figure) -> numpy.ndarray:
    (image,) = figure.axes[0].images
    return numpy.asarray(image.get_array())


def test_rows_are_written_columns_are_read():
    weights = torch.tensor([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])
    figure = attention_map(["ein", "Hund", "</s>"], ["dog", "</s>"], weights)
    drawn = colors(figure)
    assert drawn.shape == (2, 3, 4)
    assert drawn[..., 3] == pytest.approx(weights.numpy())
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ein", "Hund", "</s>"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dog", "</s>"]
    top, bottom = axes.get_ylim()[1], axes.get_ylim()[0]
    assert top < bottom  # the first symbol written is the top row


def test_two_maps_can_be_compared():
    """Full colour is a weight of 1, not the greatest of the map."""
    faint = colors(attention_map(["a", "b"], ["c"], [[0.1, 0.2]]))
    assert faint[0, 1, 3] == pytest.approx(0.2)


def test_white_space_and_formulas_are_shown_as_they_are():
    figure = attention_map([" ", "$x$", "a" * 40, "\n"], ["<b>"], numpy.full((1, 4), 0.25), title="50 % $off$")
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels[:2] == ["␣", "$x$"]
    assert labels[2].endswith("…")
    assert labels[3] == "␣"
    assert figure.axes[0].get_title(loc="left") == "50 % $off$"
    assert figure_png(figure).startswith(b"\x89PNG")


def test_a_fault_of_the_network_is_white():
    assert colors(attention_map(["a"], ["b"], [[float("nan")]]))[0, 0, 3] == 0


@pytest.mark.parametrize(("source", "target"), [(["a"], ["b"]), ([], []), (["a", "b"], ["c", "d", "e"])])
def test_weights_of_another_shape_are_refused(source, target):
    with pytest.raises(ArgumentError, match=r"weights of shape \(2, 2\)|weights of shape") as found:
        attention_map(source, target, numpy.zeros((len(target) and 2, len(source) and 2)))
    assert "row" in found.value.hint
