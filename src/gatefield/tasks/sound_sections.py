"""What the reports on sound share: figures by speaker, and pictures of recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..data.corpus import Recording
from ..functional.spectrogram import log_mel_spectrogram
from ..render.spectrogram import Symbol, spectrogram_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from ..render.page import Page

BANDS = 48  # of the pictures, whatever the network hears


def by_speaker(page: Page, speakers: Mapping[str, Mapping[str, Any]]) -> None:
    """The figures of each speaker; nothing where there is one only."""
    if len(speakers) < 2:
        return
    keys = list(next(iter(speakers.values())))
    page.heading("By speaker")
    rows = [
        (name, *(f"{row[key]:.2%}" if isinstance(row[key], float) else row[key] for key in keys))
        for name, row in speakers.items()
    ]
    page.table(("speaker", *(key.replace("_", " ") for key in keys)), rows)


def picture(recording: Recording, title: str, symbols: Sequence[Symbol] = (), probabilities: Any = None) -> Figure:
    """The spectrogram of a recording, with what is heard in it."""
    S = log_mel_spectrogram(recording.samples, recording.rate, bands=BANDS, low=60.0)
    seconds = len(recording.samples) / recording.rate
    return spectrogram_figure(S, seconds, symbols, probabilities, title)
