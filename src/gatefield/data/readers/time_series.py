"""The base of the readers of one published file of time series."""

from __future__ import annotations

import pathlib
from typing import ClassVar, Self

from ..published import published_folder, require_file
from ..series import Series, SeriesReader
from .csv_series import CsvSeries


class TimeSeriesFile(SeriesReader):
    """Base of the readers of one CSV file in the folder ``time-series``.

    Args:
        path: the folder of the file, or the file.
    """

    folder = "time-series"
    rows: ClassVar[str] = ""
    """The content of a small file of this kind."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """A few rows, as the file has them."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / cls.downloads[0].file).write_text(cls.rows, encoding="utf-8")
        return cls(path=str(folder))

    def read(self) -> Series:
        return CsvSeries(str(self.file())).read()

    def file(self) -> pathlib.Path:
        """Where the file is.

        Raises:
            DataError: nowhere; says where was looked.
        """
        return require_file(self, published_folder(self, self.path), self.downloads[0].file)
