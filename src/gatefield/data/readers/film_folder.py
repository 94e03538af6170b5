"""Films of your own in a folder."""

from __future__ import annotations

import pathlib
from typing import Literal, Self

import numpy

from ...core.errors import DataError
from ..corpus import Parts
from ..film import EXTENSIONS, Film, FilmReader, one_size, read_film
from ..image_files import files_below
from ..part_folders import part_folders
from ..synthetic.moving_digits import moving_digits
from ..text_files import is_within
from .digits import Digits


class FilmFolder(FilmReader):
    """Your own films: animated pictures (GIF, WebP, PNG) or arrays of frames (``.npy``), all of one size.

    Arrays are (time, height, width) or (time, channels, height, width): uint8, truth values, or real numbers in [0, 1].
    Parts lie in folders ``train``, ``val`` (or ``valid``, ``dev``) and ``test``; without them all is for training.
    Links that lead out of the folder are not followed.

    Args:
        path: the folder.
        channels: 1 to see films in grey, 3 in colour.
    """

    name = "film-folder"

    def __init__(self, path: str, channels: Literal[1, 3] = 1) -> None:
        self.path, self.channels = path, channels

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Six arrays of five frames."""
        pictures = Digits().read().train
        films = moving_digits(pictures.batch(pictures.labels[:20])[:, 0], 6, frames=5, size=10, objects=1)
        for number, film in enumerate(films):
            numpy.save(folder / f"{number}.npy", film.numpy())
        return cls(path=str(folder))

    def read(self) -> Parts[Film]:
        """The parts that the folder has."""
        path, notes, parts = pathlib.Path(self.path).expanduser(), [], {}
        for part, folder in part_folders(path).items():
            files = [file for file in files_below(folder) if file.suffix.lower() in EXTENSIONS and not file.is_dir()]
            inside = [file for file in files if is_within(file, path)]
            if len(inside) < len(files):
                notes.append(f"{folder}: did not follow {len(files) - len(inside)} links that lead out of the folder")
            if not inside:
                raise DataError(f"{folder} holds no film", hint=f"known are: {', '.join(sorted(EXTENSIONS))}")
            parts[part] = [read_film(file, self.channels) for file in inside]
        one_size([film for films in parts.values() for film in films])
        return Parts(parts["train"], parts.get("validation"), parts.get("test"), notes=tuple(notes))
