"""The Free Spoken Digit Dataset: digits said by six speakers."""

from __future__ import annotations

import pathlib
import re
from typing import Self

from ...core.errors import DataError
from ..corpus import Parts, Recording
from ..published import published_folder
from ..reader import RecordingReader
from ..sound_files import read_sound
from .wav_folder import write_hums

_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)")
_TEST = 5


class SpokenDigits(RecordingReader):
    """3,000 recordings of the digits 0 to 9 by six speakers, 8000 samples a second, half a second each.

    Args:
        path: the folder ``recordings``, or the folder that holds it.
        speaker: the speaker whose recordings are the test part; if None, it is the first five of each speaker and
            digit, as usual with this set (numbers 0 to 4).

    Reference: Jackson et al. (2018), Free Spoken Digit Dataset.
    """

    name = "spoken-digits"
    folder = "fsdd"
    licence = "CC BY-SA 4.0"
    homepage = "https://github.com/Jakobovski/free-spoken-digit-dataset"
    classes = tuple("0123456789")

    def __init__(self, path: str | None = None, speaker: str | None = None) -> None:
        self.path, self.speaker = path, speaker

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Seven hums of each digit by two speakers."""
        write_hums(folder, [f"{digit}_{speaker}_{{}}" for digit in range(10) for speaker in ("ann", "bob")], count=7)
        return cls(path=str(folder))

    def read(self) -> Parts[Recording]:
        """Training and test part; the text of a recording is its digit."""
        found = numbered_recordings(published_folder(self, self.path))
        speakers = sorted({recording.speaker for _, recording in found})
        if self.speaker is not None and (self.speaker not in speakers or len(speakers) < 2):
            raise DataError(f"nobody is called {self.speaker!r}", hint=f"speakers are: {', '.join(speakers)}")
        train: list[Recording] = []
        test: list[Recording] = []
        for number, recording in found:
            held_out = number < _TEST if self.speaker is None else recording.speaker == self.speaker
            (test if held_out else train).append(recording)
        return Parts(train, None, test, self.classes)


def numbered_recordings(folder: pathlib.Path) -> list[tuple[int, Recording]]:
    """(number, recording) of each file ``digit_speaker_number.wav`` in ``folder`` or its folder ``recordings``.

    Raises:
        DataError: there is none, or one is damaged.
    """
    folder = folder / "recordings" if (folder / "recordings").is_dir() else folder
    matches = [(_NAME.fullmatch(file.stem), file) for file in sorted(folder.glob("*.wav"))]
    found = []
    for match, file in matches:
        if match is not None and not file.is_symlink():
            samples, rate = read_sound(file)
            found.append((int(match[3]), Recording(samples, rate, match[1], match[2], str(file))))
    if not found:
        raise DataError(f"there is no digit_speaker_number.wav in {folder}", hint="check the folder")
    return sorted(found, key=lambda entry: (entry[1].text, entry[1].speaker, entry[0]))
