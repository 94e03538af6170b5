"""Figures are judged by their pixels and texts, not by their having been drawn."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
from drawn import on_canvas, pixel
from matplotlib.text import Text

from gatefield.core.errors import ArgumentError
from gatefield.render.calibration import reliability_diagram
from gatefield.render.confusion import cell_colors, confusion_figure
from gatefield.render.curves import training_curves
from gatefield.render.pictures import filter_grid, picture_grid

HOSTILE = ["$x$", r"\frac{", "<script>", "a\x00b", "日本語", "$"]


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def record(epoch: int, **others) -> dict:
    return {"epoch": epoch, "train_loss": 1 / epoch, "learning_rate": 0.1, **others}


# --- confusion matrix


def test_deeper_cells_hold_larger_shares_of_their_row():
    counts = numpy.array([[90, 9, 1], [0, 3, 1], [0, 0, 0]])
    opacity = cell_colors(counts)[..., 3]
    shares = counts[:2] / counts[:2].sum(1, keepdims=True)
    assert numpy.array_equal(numpy.argsort(opacity[:2].ravel()), numpy.argsort(shares.ravel()))
    assert (opacity[2] == 0).all()  # a class that does not occur divides nothing by nothing


def test_canvas_shows_right_answers_blue_and_mistakes_orange_and_darker_the_more():
    counts = numpy.array([[60, 40, 0], [0, 99, 1], [30, 10, 60]])
    figure = confusion_figure(torch.tensor(counts), ["a", "b", "c"])
    canvas = on_canvas(figure)
    cell = {(i, j): pixel(figure, canvas, figure.axes[0], j - 0.35, i - 0.35) for i in range(3) for j in range(3)}
    right, wrong, none = cell[1, 1], cell[0, 1], cell[0, 2]
    assert right[2] > right[0] + 60
    assert wrong[0] > wrong[2] + 40
    assert none.min() > 250
    assert cell[0, 1].sum() < cell[2, 0].sum() < cell[2, 1].sum() < cell[1, 2].sum() < none.sum()


@pytest.mark.parametrize("number", [1, 2, 10, 26, 100, 130])
def test_counts_are_written_where_they_fit_inside_their_cell(number):
    counts = numpy.full((number, number), 8)
    figure = confusion_figure(counts, [f"class {i}" for i in range(number)])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    if number > 30:
        assert not axes.texts
        assert max(figure.get_size_inches()) < 16
    else:
        assert len(axes.texts) == number**2
        cell = axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0]
        assert max(text.get_window_extent().width for text in axes.texts) < cell


def test_names_are_shown_as_written_even_if_they_look_like_formulas():
    figure = confusion_figure(numpy.eye(len(HOSTILE), dtype=int), HOSTILE)
    with pytest.warns(UserWarning, match="missing from font"):
        on_canvas(figure)
    assert {"$x$", r"\frac{", "<script>", "a\N{REPLACEMENT CHARACTER}b"} <= set(texts(figure))


# --- curves


def test_curves_pass_through_the_records_and_the_best_epoch_is_named():
    accuracies, losses = [0.5, 0.75, 0.9, 0.95, 0.8], [2, 1, 0.5, 0.5, 0.6]
    records = [
        record(i, validation_loss=loss, validation_accuracy=value)
        for i, (loss, value) in enumerate(zip(losses, accuracies), start=1)
    ]
    figure = training_curves(records)
    loss, accuracy, rate = figure.axes
    assert [line.get_ydata().tolist() for line in loss.lines[:2]] == [
        [1 / i for i in range(1, 6)],
        losses,
    ]
    assert accuracy.lines[0].get_ydata().tolist() == accuracies
    assert rate.lines[0].get_ydata().tolist() == [0.1] * 5
    assert "90.00% in epoch 3" in texts(figure)  # the first of two equals
    assert "80.00% in epoch 5" in texts(training_curves(records, best=5))


def test_one_epoch_is_one_visible_dot():
    figure = training_curves([record(1, validation_loss=0.5, validation_accuracy=0.9)])
    canvas = on_canvas(figure)
    drawn = pixel(figure, canvas, figure.axes[0], 1, 1.0)
    assert drawn[2] > drawn[0] + 60  # the blue of the training loss
    assert list(figure.axes[0].get_xticks()) == [1]


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{"epoch": 1, "train_loss": 0.5}],
        [record(i) for i in range(1, 4)],
        [record(1, validation_accuracy=None), record(2, validation_accuracy=0.5)],
        [record(1, validation_loss=math.inf), record(2, train_loss=math.nan)],
        [record(1, train_loss=0.0, learning_rate=0.0)],
        [record(i, train_loss=-float(i)) for i in range(1, 4)],
    ],
    ids=["none", "loss only", "no validation", "some validated", "not finite", "zeros", "negative"],
)
def test_whatever_a_run_lacks_the_rest_is_drawn(records):
    figure = training_curves(records)
    assert on_canvas(figure).std() > 0
    assert ("Validation accuracy" in texts(figure)) == any(r.get("validation_accuracy") for r in records)


def test_a_loss_that_falls_far_is_drawn_logarithmic():
    assert training_curves([record(1), record(100)]).axes[0].get_yscale() == "log"
    assert training_curves([record(1), record(2)]).axes[0].get_yscale() == "linear"


# --- calibration


def test_bars_are_as_high_as_the_accuracy_and_as_the_share():
    count, confidence, accuracy = [0, 30, 10], [0.0, 0.5, 0.9], [0.0, 0.4, 1.0]
    figure = reliability_diagram(torch.tensor(count), torch.tensor(confidence), torch.tensor(accuracy))
    upper, lower = figure.axes
    bars, gaps = upper.containers
    assert [bar.get_height() for bar in bars] == pytest.approx([0.4, 1.0])
    assert [bar.get_height() for bar in gaps] == pytest.approx([0.1, -0.1])
    assert [bar.get_height() for bar in lower.containers[0]] == pytest.approx([0, 0.75, 0.25])
    canvas = on_canvas(figure)
    inside, above = (pixel(figure, canvas, upper, 0.5, y) for y in (0.15, 0.7))
    assert inside[2] > inside[0] + 60
    assert above.min() > 250


def test_no_predictions_at_all_give_an_empty_diagram():
    assert on_canvas(reliability_diagram([0] * 15, [0] * 15, [0] * 15)).std() > 0


# --- pictures


def test_grid_shows_every_pixel_of_every_picture():
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, 3, 5, 4), dtype=torch.uint8, generator=random)
    figure = picture_grid(images, ["one", "two", "three"], columns=2)
    canvas = on_canvas(figure)
    for axes, image in zip(figure.axes, images):
        for row in range(5):
            for column in range(4):
                assert pixel(figure, canvas, axes, column, row).tolist() == image[:, row, column].tolist()


def test_grey_pictures_keep_their_greys():
    figure = picture_grid(torch.tensor([[[[40, 90]]]], dtype=torch.uint8), ["darkest is not black"])
    canvas = on_canvas(figure)
    assert [pixel(figure, canvas, figure.axes[0], x, 0).tolist() for x in (0, 1)] == [[40] * 3, [90] * 3]


@pytest.mark.parametrize(
    ("images", "captions"),
    [
        (torch.zeros(1, 1, 2, 2), ["float"]),
        (torch.zeros(1, 2, 2, 2, dtype=torch.uint8), ["two channels"]),
        (torch.zeros(2, 1, 2, 2, dtype=torch.uint8), ["one caption"]),
    ],
)
def test_what_is_no_picture_is_refused(images, captions):
    with pytest.raises(ArgumentError):
        picture_grid(images, captions)


def test_signed_filters_share_one_scale_about_zero():
    weights = torch.nn.Parameter(torch.tensor([[[[1.0, -1.0]]], [[[0.0, 0.25]]]], dtype=torch.bfloat16))
    figure = filter_grid(weights)
    sheet = figure.axes[0].images[0].get_array()
    assert sheet[0, :, 3].tolist() == [1, 1, 0, 0, 0.25]  # first filter, gap, second filter
    canvas = on_canvas(figure)
    plus, minus, zero = (pixel(figure, canvas, figure.axes[0], x, 0) for x in (0, 1, 3))
    assert plus[0] > plus[2] + 60
    assert minus[2] > minus[0] + 60
    assert zero.min() > 250


def test_colour_filters_are_grey_at_zero_and_scaled_each_to_its_largest_weight():
    weights = torch.zeros(2, 3, 1, 2)
    weights[0, 0, 0, 1], weights[1, 2, 0, 1] = 5.0, -0.01
    figure = filter_grid(weights)
    canvas = on_canvas(figure)
    assert [pixel(figure, canvas, figure.axes[0], x, 0).tolist() for x in (0, 1, 3, 4)] == [
        [127, 127, 127],
        [255, 127, 127],
        [127, 127, 127],
        [127, 127, 0],
    ]


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (9, 1, 5, 5), (512, 512, 3, 3), (64, 3, 11, 11), (4, 1, 1, 7)])
def test_any_number_of_filters_fits_a_page(shape):
    figure = filter_grid(torch.zeros(shape))
    width, height = figure.get_size_inches()
    assert width < 10.5
    assert height < 14
    channels = shape[1] if shape[1] != 3 else 1
    words = " ".join(texts(figure))
    assert str(shape[0] * channels) in words
    assert ("the first 144" in words) == (shape[0] * channels > 144)


def test_filters_of_another_dimension_are_refused():
    with pytest.raises(ArgumentError, match="3"):
        filter_grid(torch.zeros(1, 2, 3))
