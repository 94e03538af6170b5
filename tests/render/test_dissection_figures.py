"""Figures of dissections: what is drawn is what was given, and every one goes on a page."""

from __future__ import annotations

import matplotlib.collections
import numpy
import pytest
import torch
from drawn import on_canvas, pixel
from matplotlib.text import Text

from gatefield.core.errors import ArgumentError
from gatefield.render.filters import feature_map_figure, unit_figure
from gatefield.render.flow import gradient_by_epoch_figure, gradient_by_lag_figure, gradient_by_layer_figure
from gatefield.render.gates import gate_figure, saturation_figure
from gatefield.render.histograms import histogram_figure
from gatefield.render.layer_names import layer_name, layer_names
from gatefield.render.lesion import damage_figure, lesion_figure, path_figure
from gatefield.render.page import Page
from gatefield.render.scatter import class_scatter, nearest_free_cells, picture_scatter
from gatefield.render.surface import loss_contours, loss_profile, loss_relief

RANDOM = torch.Generator().manual_seed(0)
X = torch.linspace(-1, 1, 7)
BOWL = X[:, None] ** 2 + X[None] ** 2 + 0.1


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def pictures(count: int, size: int = 5) -> torch.Tensor:
    return torch.randint(0, 256, (count, 1, size, size), generator=RANDOM, dtype=torch.uint8)


EXAMPLES = {
    "class scatter": lambda: class_scatter(torch.randn(9, 2), torch.arange(9) % 3, ["$a$", "<b>", "c"]),
    "picture scatter": lambda: picture_scatter(torch.randn(9, 2), pictures(9), 6),
    "feature maps": lambda: feature_map_figure({"$a$": torch.rand(3, 4, 4), "b": torch.rand(2, 9)}, pictures(1)[0]),
    "units": lambda: unit_figure({"$u$": pictures(3), "v": pictures(2, 3)}, {"$u$": ["1", "2", "3"], "v": ["4", "5"]}),
    "profile": lambda: loss_profile(X, {"with": BOWL[3], "without": 100 * BOWL[0]}),
    "contours": lambda: loss_contours(X, X, BOWL, torch.randn(4, 2), torch.tensor([0.7, 0.2])),
    "relief": lambda: loss_relief(X, X, BOWL * 1000),
    "flat contours": lambda: loss_contours(X, X, torch.ones(7, 7)),
    "gates": lambda: gate_figure({"i": torch.rand(4, 3), "g": torch.randn(4, 40)}, ["a", " ", "\n", "$"]),
    "saturation": lambda: saturation_figure({"f": (torch.rand(5) / 2, torch.rand(5) / 2)}),
    "by layer": lambda: gradient_by_layer_figure({"one": {"a": 1e-9, "b": 1.0}, "two": {"a": 0.0, "b": 2.0}}),
    "by epoch": lambda: gradient_by_epoch_figure([{"epoch": e, "a": 1 / e, "b": 2.0} for e in (1, 2, 3)]),
    "by lag": lambda: gradient_by_lag_figure({"rnn": (torch.arange(5), torch.rand(5, 3))}),
    "vanished": lambda: gradient_by_lag_figure({"rnn": (torch.arange(3), torch.zeros(3))}),
    "histograms": lambda: histogram_figure({f"layer{k}": ([1, 5, 0], [-1.0, 0, 1, 2]) for k in range(8)}, "$t$"),
    "lesion": lambda: lesion_figure(["$a$", "b"], [0.2, 0.9], 0.1),
    "damage": lambda: damage_figure([0, 1, 2], torch.rand(3, 2), "left out", 0.1),
    "paths": lambda: path_figure([0, 1, 2], [0.25, 0.5, 0.25], [0.0, 1.0, 2.0], [0.0, 0.5, 0.5]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_figure_goes_on_a_page_and_is_not_blank(name):
    figure = EXAMPLES[name]()
    assert len(numpy.unique(on_canvas(figure) @ [65536, 256, 1])) > 5  # colours
    assert not any("mathdefault" in text for text in texts(figure))
    page = Page("dissected")
    page.figure(figure, "caption", "words")
    assert "<script" not in page.html()


def test_points_have_their_classes_colour_and_name():
    points = torch.tensor([[0.0, 0.0], [0.0, 0.1], [4.0, 4.0]])
    figure = class_scatter(points, torch.tensor([0, 0, 1]), ["ones", "twos", "none"])
    drawn = [
        collection.get_offsets().tolist()
        for collection in figure.axes[0].collections
        if isinstance(collection, matplotlib.collections.PathCollection)
    ]
    assert numpy.allclose(drawn[0], points[:2])
    assert numpy.allclose(drawn[1], points[2:])
    assert {text.get_text(): text.get_position() for text in figure.axes[0].texts}["twos"] == (4, 4)
    assert "none" not in texts(figure)


def test_pictures_stand_where_their_points_lie_and_never_on_each_other():
    corners = numpy.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    assert nearest_free_cells(corners, 5).tolist() == [[4, 0], [4, 4], [0, 0], [0, 4]]
    crowd = nearest_free_cells(numpy.random.default_rng(0).normal(size=(49, 2)), 7)
    assert len({tuple(cell) for cell in crowd.tolist()}) == 49
    same = nearest_free_cells(numpy.zeros((3, 2)), 4)
    assert len({tuple(cell) for cell in same.tolist()}) == 3
    images = pictures(4)
    (sheet,) = picture_scatter(torch.tensor(corners), images, 2).axes[0].get_images()
    shown = numpy.asarray(sheet.get_array())
    assert numpy.array_equal(shown[:5, :5, 0], images[2, 0])
    assert numpy.array_equal(shown[6:, 6:, 1], images[1, 0])
    assert (shown[5, :, 3] == 0).all()
    figure = picture_scatter(torch.randn(9, 2), pictures(9), 2)
    assert "the first 4 of 9 pictures" in texts(figure)


def test_maps_and_patches_are_drawn_as_they_are():
    maps, images = torch.rand(3, 4, 4), pictures(2)
    figure = feature_map_figure({"features.c1": maps}, images[0])
    drawn = [axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images()]
    assert numpy.array_equal(drawn[0][..., 0], images[0, 0])
    assert all(numpy.allclose(found, wanted) for found, wanted in zip(drawn[1:], maps))
    assert "features.c1\n4 × 4" in texts(figure)
    figure = unit_figure({"unit 3": images}, {"unit 3": ["9.1", "8.5"]})
    assert {"unit 3", "9.1", "8.5"} <= set(texts(figure))


def test_the_middle_of_a_landscape_is_marked_and_the_way_is_drawn():
    way = torch.tensor([[0.5, -0.5], [0.2, 0.1], [0.0, 0.0]])
    figure = loss_contours(X, X, BOWL, way, [0.75, 0.25])
    axes = figure.axes[0]
    assert any(numpy.allclose(line.get_xydata(), way) for line in axes.lines)
    assert [0.0, 0.0] in axes.lines[-1].get_xydata().tolist()
    assert "first direction, 75% of the way" in texts(figure)
    canvas = on_canvas(figure)
    low, high = pixel(figure, canvas, axes, 0.2, 0.2), pixel(figure, canvas, axes, -0.9, 0.9)
    assert high.sum() > low.sum() + 100
    assert "Loss, as a power of ten" in texts(loss_contours(X, X, BOWL**4))
    broken = BOWL.clone()
    broken[0, 0] = torch.inf
    on_canvas(loss_contours(X, X, broken))


def test_gates_are_white_when_shut_and_blue_when_open():
    trace = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    figure = gate_figure({"f": trace}, ["a", " "])
    canvas = on_canvas(figure)
    shut, opened = (pixel(figure, canvas, figure.axes[0], 0.3, unit) for unit in (0, 1))
    assert shut.min() > 240
    assert opened[2] > opened[0] + 80
    assert "·" in texts(figure)


def test_lines_are_the_norms():
    figure = gradient_by_layer_figure({"net": {"a": 0.01, "b": 10.0}})
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    assert axes.lines[0].get_ydata().tolist() == [0.01, 10.0]
    lag = gradient_by_lag_figure({"net": ([0, 1], [[1.0, 3.0, 2.0], [0.1, 0.2, 0.3]])}).axes[0]
    assert lag.lines[0].get_ydata().tolist() == [2.0, 0.2]
    narrow = gradient_by_layer_figure({"net": {"a": 0.3, "b": 0.7}})
    on_canvas(narrow)
    low, high = narrow.axes[0].get_ylim()
    assert any(low <= tick <= high for tick in narrow.axes[0].get_yticks())


def test_bars_are_the_errors_and_the_line_is_the_whole_network():
    axes = lesion_figure(["a", "b"], [0.2, 0.9], 0.1).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [0.2, 0.9]
    assert list(axes.lines[0].get_ydata()) == [0.1, 0.1]


def test_long_names_keep_their_end():
    assert layer_name("stages.stage1.block2.residual.conv1", 20) == "…ock2.residual.conv1"
    assert layer_name("stem") == "stem"
    assert len(layer_name("x" * 99, 20)) == 20
    parts = [f"network.{part}.levels.0.directions.0.cell" for part in ("encoder.layer", "decoder")]
    assert layer_names([*parts, "network.head"]) == ["encoder…0.cell", "decoder…0.cell", "network.head"]
    assert layer_names(["a" * 30, "same", "same"], 20) == ["…" + "a" * 19, "same", "same"]
    assert layer_names([]) == []


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: class_scatter(torch.zeros(2, 3), [0, 1], "ab"), r"points of shape \(2, 3\)"),
        (lambda: class_scatter(torch.zeros(2, 2), [0], "ab"), "2 points have 1 labels"),
        (lambda: picture_scatter(torch.zeros(2, 2), pictures(3)), "2 points, 3 pictures"),
        (lambda: feature_map_figure({}), "no feature maps"),
        (lambda: feature_map_figure({"a": torch.zeros(2, 3, 4, 5)}), r"maps of 'a' have the shape \(2, 3, 4, 5\)"),
        (lambda: unit_figure({}), "no units"),
        (lambda: unit_figure({"a": pictures(2)}, {"a": ["1"]}), "2 pictures and 1 captions"),
        (lambda: loss_contours(X, X, BOWL[1:]), r"shape \(6, 7\) over 7 x 7"),
        (lambda: loss_relief(X, X, BOWL * torch.nan), "no loss is finite"),
        (lambda: loss_profile(X, {}), "no loss"),
        (lambda: gate_figure({}), "gates to draw: nothing"),
        (lambda: gate_figure({"i": torch.rand(3, 2)}, "ab"), r"i \(3, 2\)"),
        (lambda: saturation_figure({}), "no gate"),
        (lambda: gradient_by_layer_figure({"a": {"x": 1.0}, "b": {}}), "0, 1 layers"),
        (lambda: gradient_by_epoch_figure([]), "no gradients"),
        (lambda: gradient_by_lag_figure({"a": ([0, 1], [1.0])}), "'a' has 2 lags"),
        (lambda: gradient_by_lag_figure({}), "no curve"),
        (lambda: histogram_figure({"a": ([1], [0.0])}), "'a' has 1 counts and 1 edges"),
        (lambda: lesion_figure(["a"], [], 0.0), "0 errors for 1 blocks"),
    ],
)
def test_what_cannot_be_drawn_is_said(draw, message):
    with pytest.raises(ArgumentError, match=message):
        draw()
