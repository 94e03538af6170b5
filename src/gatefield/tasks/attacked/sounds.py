"""Recordings sorted into classes under attack, sample by sample, through all that is made of their sound."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ...data.corpus import Recording
from ...data.sound_features import SoundFeatures
from ...explain.attacks.ragged_victim import RaggedVictim
from ...models.model import Model
from ...render.page import Page
from ...training.objective import Objective
from .numbers import AttackedNumbers, Numbers
from .parts import Part
from .waveforms import EPSILON, AttackableWaveforms, AttackedWaveforms, Waveforms, frames

STEP = 2.0**-15  # of the samples of a file of 16 bits
SHOWN = 4


@dataclass(frozen=True)
class AttackedSounds(AttackedWaveforms, AttackedNumbers):
    """What became of each recording."""

    inputs: Sounds

    def illustrate(self, page: Page) -> None:
        self.draw(page, {index: self.answered(index) for index in self.shown(SHOWN)})

    def answered(self, index: int) -> tuple[str, str, str]:
        """What the network answers to one recording: before, after, and to mere noise."""
        said = self.answers, self.answers_after, self.answers_of_noise
        before, after, noise = (self.answer(each, index) for each in said)
        return before, after, noise


@dataclass(frozen=True)
class Sounds(AttackableWaveforms, Numbers):
    """Recordings as waveforms, and the classes that a network sorts them into."""

    rate: int

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
        waves = Waveforms.of(recordings, features.sampled_at)
        prepare = functools.partial(frames, features, model.device)
        parts = [
            Part(indices, RaggedVictim(model, prepare, lengths, objective, waves.bounds), raw)
            for indices, raw, lengths in waves.by_length(model.device)
        ]
        return cls(split, waves.names, classes, labels, parts, waves.rate, options={"epsilon": EPSILON})

    def rounded(self, changed: Tensor, raw: Tensor) -> Tensor:
        return raw + ((changed - raw) / STEP).trunc() * STEP
