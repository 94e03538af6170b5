"""A bar for every step: up in orange, not up in blue, pale where it was wrong."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex

from gatefield.core.errors import ArgumentError
from gatefield.render import style
from gatefield.render.direction import direction_figure


def test_bars_say_what_was_expected_and_whether_it_came():
    chances, rises = [0.9, 0.6, 0.2, 0.4], [True, False, False, True]
    figure = direction_figure([1, 2, 3, 2.5], ["a", "b", "c", "d"], chances, rises, "price")
    found = {}
    for bar in figure.axes[1].patches:
        step = round(bar.get_x() + bar.get_width() / 2)
        found[step] = (to_hex(bar.get_facecolor()), bar.get_alpha() == 1, bar.get_height())
    assert set(found) == {0, 1, 2, 3}
    for step, (color, right, height) in found.items():
        assert color == (style.SECOND if chances[step] > 0.5 else style.FIRST)
        assert right == ((chances[step] > 0.5) == rises[step])
        assert height == pytest.approx(chances[step] - 0.5)
    assert list(figure.axes[0].lines[0].get_ydata()) == [1, 2, 3, 2.5]
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("lists", [([], [], [], []), ([1.0], ["a"], [0.5], []), ([1.0, 2.0], ["a"], [0.5], [True])])
def test_refuses_lists_that_differ(lists):
    with pytest.raises(ArgumentError, match="values") as caught:
        direction_figure(*lists, "price")
    assert caught.value.hint
