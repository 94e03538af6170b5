"""Recordings of your own in a folder, with what is said in their names or in a table."""

from __future__ import annotations

import pathlib
import re
from typing import Self

import numpy
import torch

from ...core.arguments import PositiveInt
from ...core.errors import ArgumentError, DataError
from ..columns import rows
from ..corpus import Parts, Recording
from ..image_files import files_below
from ..labels import sorted_names
from ..part_folders import part_folders
from ..reader import RecordingReader
from ..sound_files import EXTENSIONS, read_sound, resampled
from ..text_files import is_within


class WavFolder(RecordingReader):
    """Your own recordings, WAV or FLAC; with parts in folders ``train``, ``val`` (or ``valid``, ``dev``) and ``test``.

    Channels are averaged. Links that lead out of the folder are not followed.

    Args:
        path: the folder.
        pattern: a regular expression for the whole name of a file without its ending, with the group ``text``: what is
            said; and where it is known ``speaker``. By default ``seven_ann_3`` is "seven", said by ann.
        table: instead, a file in the folder, comma or tab separated, with the columns ``file`` (the path from the
            folder on), ``text`` and where it is known ``speaker``.
        rate: samples a second that all recordings are brought to; if None all must have the same.
    """

    name = "wav-folder"

    def __init__(
        self,
        path: str,
        pattern: str = r"(?P<text>[^_]+)(_(?P<speaker>[^_]+))?(_.*)?",
        table: str | None = None,
        rate: PositiveInt | None = None,
    ) -> None:
        self.path, self.table, self.rate = pathlib.Path(path).expanduser(), table, rate
        try:
            self.pattern = re.compile(pattern)
        except re.error as error:
            message = f"{pattern!r} is not a regular expression: {error}"
            raise ArgumentError(message, hint="for example (?P<text>.+)_.*", path=("pattern",)) from None
        if "text" not in self.pattern.groupindex:
            message = f"{pattern!r} has no group 'text'"
            raise ArgumentError(message, hint="for example (?P<text>.+)_.*", path=("pattern",))

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Eight hums of two pitches by two speakers, 16 bits at 8000 a second."""
        write_hums(folder, ["low_ann_{}", "high_ann_{}", "low_bob_{}", "high_bob_{}"], count=2)
        return cls(path=str(folder))

    def read(self) -> Parts[Recording]:
        """The parts that the folder has, with the different texts as classes."""
        notes: list[str] = []
        if self.table is None:
            parts = {part: self._named(folder, notes) for part, folder in part_folders(self.path).items()}
        else:
            parts = {"train": self._listed(self.path)}
        rate = self.rate
        recordings: dict[str, list[Recording]] = {}
        for part, found in parts.items():
            recordings[part] = []
            for file, text, speaker in found:
                samples, own = read_sound(file)
                if self.rate is None and own != (rate := rate or own):
                    raise DataError(
                        f"{file} has {own} samples a second, files before it {rate}",
                        hint=f"set rate, for example rate={min(own, rate)}",
                    )
                samples = resampled(samples, own, rate or own)
                recordings[part].append(Recording(samples, rate or own, text, speaker, str(file)))
        classes = sorted_names(recording.text for part in recordings.values() for recording in part)
        return Parts(recordings["train"], recordings.get("validation"), recordings.get("test"), classes, tuple(notes))

    def _named(self, folder: pathlib.Path, notes: list[str]) -> list[tuple[pathlib.Path, str, str]]:
        """(file, text, speaker) of each recording below ``folder``."""
        files = [file for file in files_below(folder) if file.suffix.lower() in EXTENSIONS and not file.is_dir()]
        inside = [file for file in files if is_within(file, self.path)]
        if len(inside) < len(files):
            notes.append(f"{folder}: did not follow {len(files) - len(inside)} links that lead out of the folder")
        if not inside:
            raise DataError(f"{folder} holds no recording", hint=f"known are: {', '.join(sorted(EXTENSIONS))}")
        found = []
        for file in inside:
            match = self.pattern.fullmatch(file.stem)
            if match is None:
                raise DataError(
                    f"the name of {file} does not fit {self.pattern.pattern}",
                    hint="set pattern, or give a table with the columns file and text",
                )
            found.append((file, match["text"], match.groupdict().get("speaker") or ""))
        return found

    def _listed(self, folder: pathlib.Path) -> list[tuple[pathlib.Path, str, str]]:
        """(file, text, speaker) of each row of the table."""
        table = folder / (self.table or "")
        _require_within(table, folder, "the table")
        listed = rows(table, "auto", "utf-8")
        _, header = next(listed, (0, []))
        for column in ("file", "text"):
            if column not in header:
                raise DataError(f"{table}:1: there is no column '{column}'", hint="columns are file, text and speaker")
        found = []
        for line, cells in listed:
            row = dict(zip(header, cells))
            file = folder / row["file"]
            _require_within(file, folder, f"{table}:{line}")
            if not file.is_file():
                raise DataError(f"{table}:{line}: there is no {file}", hint="paths are counted from the folder on")
            found.append((file, row["text"], row.get("speaker", "")))
        return found


def _require_within(file: pathlib.Path, folder: pathlib.Path, place: str) -> None:
    if not is_within(file, folder):
        raise DataError(f"{place}: {file} lies outside {folder}", hint="keep everything in the folder")


def write_hums(folder: pathlib.Path, names: list[str], count: int, rate: int = 8000) -> None:
    """``count`` hums of each of ``names`` (a pattern with a number in it), each name with a pitch of its own."""
    from scipy.io import wavfile

    for place, name in enumerate(names):
        for number in range(count):
            time = numpy.arange(800 + 80 * number) / rate
            hum = torch.sin(torch.from_numpy(2 * torch.pi * (200 + 150 * place) * time)).numpy()
            wavfile.write(folder / f"{name.format(number)}.wav", rate, (hum * 12000).astype(numpy.int16))
