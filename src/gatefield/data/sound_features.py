"""From sound to the frames that a network reads, the same in training and in prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..core.arguments import PositiveFloat, PositiveInt
from ..core.configurable import Configurable
from ..core.errors import ArgumentError, DataError
from ..functional.spectrogram import cepstral_coefficients, log_mel_spectrogram
from .corpus import Recording
from .ragged import Ragged
from .sound_files import resampled


class SoundFeatures(Configurable):
    """Logarithms of a mel spectrogram, or cepstral coefficients of it, each number as the training part had it:

        x_tj = (S_j(t) - mean_j) / deviation_j

    over all frames t of the training recordings. Recordings at another rate are resampled.

    Args:
        coefficients: that many cepstral coefficients (MFCC) a frame; None: the bands themselves.
        bands: of the spectrogram, equally wide to the ear.
        rate: samples a second that all sound is brought to; None: the lowest of the training recordings, so that no
            band is above what some of them can hold.
        window, hop: width of a frame's window and distance between frames, in seconds.
        center: take each recording's own mean from its frames first, so that loudness, microphone and the color of a
            voice matter less (cepstral mean normalization; Atal 1974).

    Raises:
        ArgumentError: more coefficients than bands.

    Source: Davis and Mermelstein (1980); see `gatefield.functional.spectrogram` (catalogue 216, 217).
    """

    kind: ClassVar[str] = "sound features"

    def __init__(
        self,
        coefficients: PositiveInt | None = None,
        bands: PositiveInt = 40,
        rate: PositiveInt | None = None,
        window: PositiveFloat = 0.025,
        hop: PositiveFloat = 0.010,
        center: bool = False,
    ) -> None:
        if coefficients is not None and coefficients > bands:
            message = f"{coefficients} coefficients of {bands} bands"
            raise ArgumentError(message, hint=f"give at most {bands}, or more bands", path=("coefficients",))
        self.coefficients, self.bands, self.rate, self.window, self.hop = coefficients, bands, rate, window, hop
        self.center, self.sampled_at = center, 0

    @property
    def width(self) -> int:
        """Numbers a frame."""
        return self.coefficients or self.bands

    def learn(self, recordings: Sequence[Recording]) -> None:
        """Take the rate, and the mean and deviation of each number, from the training part.

        Raises:
            DataError: there is no recording, or one whose samples are not finite; names it.
            ArgumentError: a window or hop that is no sample at this rate.
        """
        if not recordings:
            raise DataError("there is no recording to learn from", hint="give at least one")
        self.sampled_at = self.rate or min(recording.rate for recording in recordings)
        frames = Ragged.from_rows(self.measured(recording).double() for recording in recordings).flat
        deviation, mean = torch.std_mean(frames, 0, correction=0)
        # A band that never changes, as one above all that the sound holds, says nothing: it stays at zero.
        deviation = torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation))
        self._take(mean, deviation)

    def learned(self) -> dict[str, Any]:
        """What `learn` found, as JSON holds it."""
        return {"rate": self.sampled_at, "mean": self._mean.tolist(), "deviation": self._deviation.tolist()}

    def restore(self, learned: dict[str, Any]) -> None:
        """Take what `learned` returned.

        Raises:
            DataError: it is something else.
        """
        try:
            self.sampled_at = int(learned["rate"])
            mean, deviation = (torch.tensor(learned[key], dtype=torch.float64) for key in ("mean", "deviation"))
        except (KeyError, TypeError, ValueError) as error:
            hint = "it is written by a training run: copy it again from there"
            raise DataError("the run folder does not hold what the sound features learned", hint=hint) from error
        if self.sampled_at < 1 or mean.shape != (self.width,) or deviation.shape != (self.width,):
            hint = "recipe and config.json are of different runs"
            raise DataError(f"the sound features have not {self.width} means and deviations", hint=hint)
        self._take(mean, deviation)

    def measured(self, recording: Recording) -> Tensor:
        """The frames of a recording before they are scaled, float32 (time, width).

        Raises:
            DataError: its samples are not finite, or not one channel.
        """
        samples = recording.samples
        if samples.ndim != 1 or not samples.isfinite().all():
            what = "has values that are no numbers" if samples.ndim == 1 else f"has the shape {tuple(samples.shape)}"
            raise DataError(f"{recording.place} {what}", hint="record it again, in one channel")
        samples = resampled(samples, recording.rate, self.sampled_at)
        S = log_mel_spectrogram(samples, self.sampled_at, bands=self.bands, window=self.window, hop=self.hop)
        x = S if self.coefficients is None else cepstral_coefficients(S, self.coefficients)
        return x - x.mean(0) if self.center else x

    def count(self, recording: Recording) -> int:
        """How many frames a recording has, without computing them."""
        samples = -(-len(recording.samples) * self.sampled_at // recording.rate)
        width, step = round(self.window * self.sampled_at), round(self.hop * self.sampled_at)
        return 1 + max(samples - width, 0) // step

    def frames(self, recording: Recording) -> Tensor:
        """What a network reads of ``recording``, float32 (time, width), at least one frame."""
        return ((self.measured(recording) - self._mean) / self._deviation).float()

    def encode_all(self, recordings: Sequence[Recording]) -> Ragged:
        """`frames` of each recording, a row each."""
        if not recordings:
            return Ragged(torch.zeros(0, self.width), torch.zeros(0, dtype=torch.int64))
        return Ragged.from_rows(map(self.frames, recordings))

    def _take(self, mean: Tensor, deviation: Tensor) -> None:
        self._mean, self._deviation = mean, deviation
