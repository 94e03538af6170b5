"""The recordings that a user gives to a trained network."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from ..core.errors import DataError
from ..data.corpus import Recording
from ..data.image_files import files_below
from ..data.sound_files import EXTENSIONS, read_sound


def given_sounds(inputs: Iterable[Any]) -> Iterator[Recording]:
    """Each of ``inputs``: the path of a recording; of a folder, which stands for those below it; or a file's content.

    Raises:
        DataError: a file is missing, is no sound, or holds none; names it.
        MissingExtra: for FLAC, the package ``soundfile`` is not installed.
    """
    for given in inputs:
        if isinstance(given, bytes):
            # Readers of sound take files; the ending tells FLAC from WAV.
            with tempfile.TemporaryDirectory(prefix="gatefield-") as folder:
                file = pathlib.Path(folder, "given.flac" if given[:4] == b"fLaC" else "given.wav")
                file.write_bytes(given)
                yield _recording(file)._replace(place="<bytes>")
            continue
        path = pathlib.Path(given)
        found = [path]
        if path.is_dir():
            found = [file for file in files_below(path) if file.suffix.lower() in EXTENSIONS and not file.is_symlink()]
            if not found:
                raise DataError(f"{path} holds no recording", hint=f"known are: {', '.join(sorted(EXTENSIONS))}")
        yield from map(_recording, found)


def _recording(path: pathlib.Path) -> Recording:
    samples, rate = read_sound(path)
    return Recording(samples, rate, "", "", str(path))
