"""Strings of spoken digits, joined from recordings of single ones: a small task for CTC."""

from __future__ import annotations

import pathlib
from typing import Self

import torch

from ...core.arguments import NonNegativeFloat, PositiveInt
from ...core.errors import ArgumentError
from ...core.seeding import generator
from ..corpus import Parts, Recording
from ..published import published_folder
from ..reader import RecordingReader
from .spoken_digits import SpokenDigits, numbered_recordings

_PARTS = {"train": range(10, 1 << 30), "validation": range(5, 10), "test": range(5)}


class DigitStrings(RecordingReader):
    """Strings of digits by one speaker each, joined from the Free Spoken Digit Dataset with silence between them.

    Recordings are never in two parts: numbers 0 to 4 of each speaker and digit make the test part, 5 to 9 the
    validation part. What is joined is drawn from fixed streams: the same whatever the seed of a run.

    Args:
        path: the folder ``recordings``, or the folder that holds it.
        count: training strings.
        held_out: strings of the validation part, and as many of the test part.
        shortest, longest: how many digits a string has.
        silence: seconds of silence before, between and after digits, drawn between 0 and this.
    """

    name = "digit-strings"
    folder = SpokenDigits.folder
    licence = SpokenDigits.licence
    homepage = SpokenDigits.homepage
    classes = SpokenDigits.classes

    def __init__(
        self,
        path: str | None = None,
        count: PositiveInt = 1000,
        held_out: PositiveInt = 200,
        shortest: PositiveInt = 1,
        longest: PositiveInt = 5,
        silence: NonNegativeFloat = 0.1,
    ) -> None:
        if longest < shortest:
            message = f"the longest string, {longest}, is shorter than the shortest, {shortest}"
            raise ArgumentError(message, hint="exchange the two", path=("longest",))
        self.path, self.count, self.held_out, self.silence = path, count, held_out, silence
        self.shortest, self.longest = shortest, longest

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Six training strings of hums, and twice three."""
        from .wav_folder import write_hums

        write_hums(folder, [f"{digit}_ann_{{}}" for digit in range(10)], count=12)
        return cls(path=str(folder), count=6, held_out=3, longest=3)

    def read(self) -> Parts[Recording]:
        """The three parts; the text of a string is its digits."""
        found = numbered_recordings(published_folder(self, self.path))
        train, validation, test = (
            self._strings(part, [recording for number, recording in found if number in numbers])
            for part, numbers in _PARTS.items()
        )
        return Parts(train, validation or None, test or None, self.classes)

    def _strings(self, part: str, recordings: list[Recording]) -> list[Recording]:
        by_speaker: dict[str, list[Recording]] = {}
        for recording in recordings:
            by_speaker.setdefault(recording.speaker, []).append(recording)
        speakers = sorted(by_speaker)
        random = generator(0, "digit-strings", part)

        def draw(below: int) -> int:
            return int(torch.randint(below, (), generator=random))

        strings = []
        for number in range((self.count if part == "train" else self.held_out) if speakers else 0):
            choice = by_speaker[speakers[draw(len(speakers))]]
            digits = [choice[draw(len(choice))] for _ in range(self.shortest + draw(self.longest - self.shortest + 1))]
            rate = digits[0].rate
            pieces = [torch.zeros(draw(round(self.silence * rate) + 1))]
            for digit in digits:
                pieces += [digit.samples, torch.zeros(draw(round(self.silence * rate) + 1))]
            text = "".join(digit.text for digit in digits)
            strings.append(
                Recording(torch.cat(pieces), rate, text, digits[0].speaker, f"digit-strings {part} {number}")
            )
        return strings
