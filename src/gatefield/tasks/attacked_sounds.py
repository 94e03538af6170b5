"""Recordings under attack, sample by sample, through all that is made of their sound before a network reads it."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from ..data.corpus import Recording
from ..data.ragged import Ragged
from ..data.sound_features import SoundFeatures
from ..data.sound_files import resampled
from ..explain.attacks.ragged_victim import RaggedVictim
from ..functional.spectrogram import log_mel_spectrogram
from ..models.model import Model
from ..render.page import Page
from ..render.spectrogram import sounds_side_by_side
from ..training.objective import Objective
from .attacked_numbers import AttackedNumbers, Numbers
from .attacked_parts import ROWS, Part
from .sound_sections import BANDS

STEP = 2.0**-15  # of the samples of a file of 16 bits
EPSILON = 0.001  # of full scale
SHOWN = 4


@dataclass(frozen=True)
class AttackedSounds(AttackedNumbers):
    """What became of each recording."""

    inputs: Sounds

    @property
    def decibels(self) -> float | None:
        """The level of what was added relative to the recording's, in the median; None of silence or no change.

        dB_x(r) = 20 log10(max_t |r_t| / max_t |x_t|); below zero where the recording is louder.

        Source: Carlini and Wagner (2018), section II.
        """
        peaks = [(float(r.abs().max()), float(x.abs().max())) for r, x in zip(self.added, self.raw) if len(x)]
        levels = [20 * math.log10(r / x) for r, x in peaks if r > 0 and x > 0]
        return median(levels) if levels else None

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"decibels": self.decibels}

    def facts(self) -> dict[str, str]:
        level = {} if self.decibels is None else {"peak of the change beside the sound's": f"{self.decibels:.1f} dB"}
        return level | super().facts()

    def illustrate(self, page: Page) -> None:
        page.heading("Before, what was added, after, and mere noise")
        page.text(
            "The waveform, and below it the energies of its bands, low ones below; each spectrogram down to 52 dB "
            "below its own loudest moment. What was added is drawn larger than it is."
        )
        for index in self.shown(SHOWN):
            x, r = self.raw[index], self.added[index]
            scale = float(x.abs().max() / r.abs().max().clamp(min=1e-12)) if r.abs().max() > 0 else 1.0
            drawn = {
                f"{self.answer(self.answers, index)}": x,
                f"added, {scale:.3g} times": scale * r,
                f"{self.answer(self.answers_after, index)}: attacked": self.changed[index],
                f"{self.answer(self.answers_of_noise, index)}: noise": self.noisy[index],
            }
            rate = self.inputs.rate
            sounds = [
                (title, samples, log_mel_spectrogram(samples, rate, bands=BANDS, low=60.0))
                for title, samples in drawn.items()
            ]
            figure = sounds_side_by_side(sounds, max(len(x), 1) / rate)
            page.figure(figure, self.inputs.names[index], "a recording before and after the attack")


@dataclass(frozen=True)
class Sounds(Numbers):
    """Recordings, float32 (samples,), at the rate at which the network's features are measured.

    Attributes:
        rate: samples a second.
    """

    rate: int

    noun = "recordings"
    unit = "of full scale"
    note = "Budgets are amplitudes, of which 1 is full scale."
    precision = "16 bits"
    result = AttackedSounds

    @classmethod
    def of(
        cls,
        model: Model,
        objective: Objective,
        features: SoundFeatures,
        classes: Sequence[str],
        split: str | None,
        recordings: Sequence[Recording],
        labels: Tensor | None,
    ) -> Sounds:
        """What a classifier of ``recordings`` offers; those at another rate are brought to the network's first."""
        rate = features.sampled_at
        rows = Ragged.from_rows([resampled(each.samples, each.rate, rate).float() for each in recordings])
        loudest = max(1.0, float(rows.flat.abs().max())) if len(rows.flat) else 1.0  # resampling may overshoot
        prepare = functools.partial(_frames, features, model.device)
        parts = []
        for indices in torch.argsort(rows.lengths, stable=True).split(ROWS):
            raw, lengths = rows.padded(indices)
            victim = RaggedVictim(model, prepare, lengths, objective, (-loudest, loudest))
            parts.append(Part(indices, victim, raw.to(model.device)))
        names = [each.place for each in recordings]
        return cls(split, names, classes, labels, parts, rate, options={"epsilon": EPSILON})

    def rounded(self, changed: Tensor, raw: Tensor) -> Tensor:
        return raw + ((changed - raw) / STEP).trunc() * STEP


def _frames(features: SoundFeatures, device: torch.device, raw: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """What the network reads of waveforms (rows, longest) at the rate of ``features``; differentiable."""
    sounds = zip(raw.cpu(), lengths.tolist())
    recordings = [Recording(samples[:length], features.sampled_at, "", "", "") for samples, length in sounds]
    x, counts = features.encode_all(recordings).padded(torch.arange(len(raw)))
    return x.to(device), counts.to(device)
