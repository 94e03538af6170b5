"""Waveforms under attack: what recordings have in common whatever the network answers to them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from ...data.corpus import Recording
from ...data.ragged import Ragged
from ...data.sound_features import SoundFeatures
from ...data.sound_files import resampled
from ...functional.spectrogram import log_mel_spectrogram
from ...render.page import Page
from ...render.spectrogram import sounds_side_by_side
from ..attackable import Attackable, Attacked
from ..sound_sections import BANDS
from .parts import ROWS

EPSILON = 0.001  # of full scale


class Waveforms(NamedTuple):
    """Recordings at one rate.

    Attributes:
        names: of the recordings.
        rate: samples a second.
        rows: of samples, float32.
        bounds: the smallest and the largest value that a sample may take.
    """

    names: list[str]
    rate: int
    rows: Ragged
    bounds: tuple[float, float]

    @classmethod
    def of(cls, recordings: Sequence[Recording], rate: int) -> Self:
        """``recordings``, those at another rate brought to ``rate``."""
        rows = Ragged.from_rows([resampled(each.samples, each.rate, rate).float() for each in recordings])
        loudest = max(1.0, float(rows.flat.abs().max())) if len(rows.flat) else 1.0  # resampling may overshoot
        return cls([each.place for each in recordings], rate, rows, (-loudest, loudest))

    def by_length(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Of recordings about as long as each other: numbers (rows,), samples (rows, longest), and lengths (rows,)."""
        for indices in torch.argsort(self.rows.lengths, stable=True).split(ROWS):
            raw, lengths = self.rows.padded(indices)
            yield indices, raw.to(device), lengths


def frames(features: SoundFeatures, device: torch.device, raw: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """What a network reads of waveforms (rows, longest) at the rate of ``features``; differentiable."""
    sounds = zip(raw.cpu(), lengths.tolist())
    recordings = [Recording(samples[:length], features.sampled_at, "", "", "") for samples, length in sounds]
    x, counts = features.encode_all(recordings).padded(torch.arange(len(raw)))
    return x.to(device), counts.to(device)


class AttackableWaveforms(Attackable):
    """Recordings, float32 (samples,), at the rate at which the network's features are measured.

    Attributes:
        rate: samples a second.
    """

    rate: int

    noun = "recordings"
    unit = "of full scale"
    note = "Budgets are amplitudes, of which 1 is full scale."


class AttackedWaveforms(Attacked):
    """What became of each recording: how loud what was added is, and pictures of it.

    Attributes:
        raw: the waveforms, float32.
        changed: the attacked ones.
        noisy: those with random changes as long as the attack's.
    """

    inputs: AttackableWaveforms
    raw: Sequence[Tensor]
    changed: Sequence[Tensor]
    noisy: Sequence[Tensor]

    @property
    def decibels(self) -> float | None:
        """The level of what was added relative to the recording's, in the median; None of silence or no change.

        dB_x(r) = 20 log10(max_t |r_t| / max_t |x_t|); below zero where the recording is louder.

        Source: Carlini and Wagner (2018), section II.
        """
        pairs = [(new - x, x) for new, x in zip(self.changed, self.raw) if len(x)]
        peaks = [(float(r.abs().max()), float(x.abs().max())) for r, x in pairs]
        levels = [20 * math.log10(r / x) for r, x in peaks if r > 0 and x > 0]
        return median(levels) if levels else None

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"decibels": self.decibels}

    def facts(self) -> dict[str, str]:
        level = {} if self.decibels is None else {"peak of the change beside the sound's": f"{self.decibels:.1f} dB"}
        return super().facts() | level

    def draw(self, page: Page, shown: Mapping[int, tuple[str, str, str]]) -> None:
        """Some recordings before, what was added, after, and mere noise.

        Args:
            shown: which, with what the network answers to each: before, after, and to mere noise.
        """
        page.heading("Before, what was added, after, and mere noise")
        page.text(
            "The waveform, and below it the energies of its bands, low ones below; each spectrogram down to 52 dB "
            "below its own loudest moment. What was added is drawn larger than it is."
        )
        for index, (before, after, noise) in shown.items():
            x, r = self.raw[index], self.changed[index] - self.raw[index]
            scale = float(x.abs().max() / r.abs().max().clamp(min=1e-12)) if r.abs().max() > 0 else 1.0
            drawn = [
                (before, x),
                (f"added, {scale:.3g} times", scale * r),
                (f"{after}: attacked", self.changed[index]),
                (f"{noise}: noise", self.noisy[index]),
            ]
            rate = self.inputs.rate
            sounds = [
                (title, samples, log_mel_spectrogram(samples, rate, bands=BANDS, low=60.0)) for title, samples in drawn
            ]
            figure = sounds_side_by_side(sounds, max(len(x), 1) / rate)
            page.figure(figure, self.inputs.names[index], "a recording before and after the attack")
