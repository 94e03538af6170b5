"""Figures of attacks: the curve over the budget beside chance, and sounds side by side."""

from __future__ import annotations

import numpy
import pytest
import torch

from gatefield.core.errors import ArgumentError
from gatefield.functional.spectrogram import log_mel_spectrogram
from gatefield.render.robustness import robustness_figure
from gatefield.render.spectrogram import sounds_side_by_side


def test_the_curve_stands_beside_chance():
    figure = robustness_figure([0, 1, 2], [1.0, 0.5, 0.25], "words", torch.tensor([1.0, 0.9, 0.8]))
    attacked, chance = figure.axes[0].get_lines()
    assert attacked.get_xydata().tolist() == [[0, 1], [1, 0.5], [2, 0.25]]
    assert chance.get_ydata() == pytest.approx([1.0, 0.9, 0.8])
    assert figure.axes[0].get_xlabel() == "words"
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["attacked", "random changes"]
    figure.canvas.draw()
    ticks = [tick for tick in figure.axes[0].get_xticks() if 0 <= tick <= 2]
    assert ticks == [0, 1, 2]  # no half a word


def test_waveforms_stand_on_one_scale_and_lose_no_peak():
    x = torch.sin(torch.arange(4000) / 5.0)
    x[1234] = 3.0
    sounds = [(name, part, log_mel_spectrogram(part, 8000)) for name, part in (("$a$", x), ("b", 0.1 * x))]
    figure = sounds_side_by_side(sounds, 0.5)
    above = figure.axes[:2]
    assert [axes.get_ylim() for axes in above] == [(-3.0, 3.0)] * 2
    for axes, loudest in zip(above, (3.0, 0.3)):
        heights = axes.collections[0].get_paths()[0].vertices[:, 1]
        assert heights.max() == pytest.approx(loudest)
        assert heights.min() == pytest.approx(-loudest / 3, rel=1e-3)
        assert len(heights) < 1000
    assert above[0].get_title(loc="left") == "$a$"
    figure.canvas.draw()


def test_silence_and_nothing():
    silent = torch.zeros(0)
    sounds_side_by_side([("", silent, log_mel_spectrogram(silent, 8000))], 0.1).canvas.draw()
    for sounds, seconds in (([], 1.0), ([("", numpy.zeros(8), numpy.zeros((1, 4)))], 0.0)):
        with pytest.raises(ArgumentError, match="sounds of"):
            sounds_side_by_side(sounds, seconds)
