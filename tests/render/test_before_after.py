"""What is drawn before and after an attack: series, rolls and films."""

from __future__ import annotations

import numpy
import pytest
import torch
from drawn import on_canvas, pixel

from gatefield.core.errors import ArgumentError
from gatefield.render.attacked_roll import attacked_roll
from gatefield.render.before_after import Trace, before_after
from gatefield.render.film import FilmRow, film_rows, film_strip


def test_traces_stand_at_their_steps():
    given, said, added = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 5.0]), torch.tensor([0.5, -0.5, 0.5])
    panels = {
        "$price$": [Trace("as it is", given, "given"), Trace("forecast", said, "before", 3)],
        "": [Trace("added", added, "added")],
    }
    figure = before_after(panels, [f"2020-0{month}-01" for month in range(1, 6)], 3)
    above, below = figure.axes
    first, second = above.get_lines()[:2]
    assert first.get_xydata().tolist() == [[0, 1], [1, 2], [2, 3]]
    assert second.get_xydata().tolist() == [[3, 4], [4, 5]]
    assert [bar.get_height() for bar in below.patches] == [0.5, -0.5, 0.5]
    assert above.get_title(loc="left") == "$price$"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["as it is", "forecast"]
    assert "2020-04" in [tick.get_text() for tick in below.get_xticklabels()]  # the origin
    on_canvas(figure)


def test_what_reaches_beyond_the_steps_is_refused():
    for trace in (Trace("x", [1.0, 2.0], "after", 1), Trace("x", [1.0], "after", -1), Trace("x", [[1.0]], "after")):
        with pytest.raises(ArgumentError, match="'x' has numbers"):
            before_after({"": [trace]}, ["0", "1"])
    with pytest.raises(ArgumentError, match="0 panels"):
        before_after({}, ["0"])


def test_kept_added_and_removed_keys_differ():
    notes = torch.zeros(4, 88)
    notes[1, 40] = notes[2, 42] = 1
    changed = notes.clone()
    changed[2, 42], changed[3, 44] = 0, 1
    figure = attacked_roll(notes, changed, torch.full((4, 88), 0.1), torch.full((4, 88), 0.9))
    heard = figure.axes[0]
    canvas = on_canvas(figure)
    kept, added, removed, nothing = (
        pixel(figure, canvas, heard, time, key) for time, key in ((2, 40), (4, 44), (3, 42), (1, 44))
    )
    assert kept[2] > kept[0] + 50  # blue
    assert added[0] > added[2] + 50  # orange
    assert numpy.abs(removed - nothing).max() < 10  # an outline with nothing in it
    assert len(heard.collections[0].get_paths()) == 1
    before, after = (pixel(figure, canvas, axes, 2, 41) for axes in figure.axes[1:])
    assert before.sum() > after.sum()  # the likelier, the darker
    for wrong in (notes[:3], notes[0]):
        with pytest.raises(ArgumentError, match="rolls of shape"):
            attacked_roll(notes, changed, wrong, notes)


def test_rows_of_films_stand_in_the_columns_of_their_time():
    frames = torch.zeros(3, 1, 4, 5, dtype=torch.uint8)
    rows = [FilmRow("seen", frames), FilmRow("forecast", frames[:2] + 9, 3)]
    figure = film_rows(rows, 3)
    above, below = figure.axes
    assert [image.get_extent()[0] for image in above.images] == pytest.approx([0, 1.12, 2.24])
    assert [image.get_extent()[0] for image in below.images] == pytest.approx([3.36, 4.48])
    assert [tick.get_text() for tick in below.get_xticklabels()] == ["-2", "-1", "0", "+1", "+2"]
    same = film_strip(frames, frames[:0], {"forecast": frames[:2] + 9})
    assert numpy.array_equal(on_canvas(figure), on_canvas(same))
    with pytest.raises(ArgumentError, match="no rows"):
        film_rows([], 3)
    with pytest.raises(ArgumentError, match="beside frames of"):
        film_rows([rows[0], FilmRow("other", frames[:, :, :2])], 3)
