"""The drawing of a forecast shows the numbers it was given, and no others."""

from __future__ import annotations

import math

import pytest
from drawn import on_canvas, pixel
from matplotlib.text import Text

from gatefield.render.drawing import figure_png
from gatefield.render.forecast import Panel, forecast_figure, horizon_figure


def panel(title: str = "sales", **more) -> Panel:
    given = {"past": [1.0, 2, 3, 4], "forecast": [5.0, 6], "lower": [4.0, 4], "upper": [6.0, 8]} | more
    return Panel(title, **given)


STAMPS = ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01", "2024-06-01"]


def lines(axes) -> dict[str, tuple[list[float], list[float]]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.get_lines()}


def test_lines_are_where_their_numbers_are():
    figure = forecast_figure([panel(baselines={"AR(3)": [4.5, 5]}, actual=[5.5, 5])], STAMPS)
    drawn = lines(figure.axes[0])
    assert drawn["series"] == ([0, 1, 2, 3], [1, 2, 3, 4])
    assert drawn["network"] == ([4, 5], [5, 6])
    assert drawn["AR(3)"] == ([4, 5], [4.5, 5])
    assert drawn["what came"] == ([3, 4, 5], [4, 5.5, 5])


def test_the_interval_is_shaded_where_there_is_one():
    figure = forecast_figure([panel(forecast=[5.0, 5, 5], lower=[2.0, 2, math.nan], upper=[8.0, 8, math.nan])], STAMPS)
    axes = figure.axes[0]
    axes.set_xlim(-0.5, 6.5)
    canvas = on_canvas(figure)
    inside, beyond, above = (pixel(figure, canvas, axes, x, y) for x, y in ((4.5, 3.3), (5.5, 3.3), (4.5, 8.2)))
    assert inside[2] < inside[0] - 10
    assert abs(beyond - above).max() < 3


def test_stamps_lose_what_says_nothing_and_do_not_collide():
    months = forecast_figure([panel()], STAMPS)
    assert [tick.get_text() for tick in months.axes[-1].get_xticklabels()][:2] == ["2024-01", "2024-02"]
    hours = [f"2024-01-{1 + t // 24:02} {t % 24:02}:00:00" for t in range(120)]
    figure = forecast_figure([panel(past=[0.0] * 96, forecast=[1.0] * 24, lower=[0.0] * 24, upper=[2.0] * 24)], hours)
    figure.draw_without_rendering()
    labels = figure.axes[-1].get_xticklabels()
    assert labels[0].get_text() == "2024-01-01\n06:00"
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.x0)
    assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:]))  # noqa: RUF007


def test_several_series_share_one_legend():
    figure = forecast_figure([panel("a"), panel("b $x$")], STAMPS, "80% interval")
    assert len(figure.axes) == 2
    assert len(figure.legends) == 1
    words = [text.get_text() for text in figure.findobj(Text)]
    assert words.count("80% interval") == 1
    assert "b $x$" in words
    assert figure_png(figure)[:4] == b"\x89PNG"


@pytest.mark.parametrize("steps", [1, 5])
def test_errors_and_coverages_of_each_step(steps):
    errors = {"network": [0.5 + h for h in range(steps)], "AR(2)": [1.0] * steps}
    coverages = {"network": [0.3] * steps, "AR(2)": [0.9] * steps}
    figure = horizon_figure(errors, coverages, 0.9, "MASE")
    left, right = figure.axes
    assert lines(left)["network"] == (list(range(1, steps + 1)), errors["network"])
    assert lines(right)["AR(2)"][1] == coverages["AR(2)"]
    assert left.get_ylim()[0] == 0
    assert right.get_ylim()[0] < 0.3
