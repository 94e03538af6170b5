"""Sunspots: numbers that rise and fall in eleven years."""

from __future__ import annotations

from ..fetch import Download
from .time_series import TimeSeriesFile


class Sunspots(TimeSeriesFile):
    """2,820 monthly mean sunspot numbers, January 1749 to December 1983, as published in Zurich.

    Args:
        path: the folder of the file, or the file.

    Reference: Andrews and Herzberg (1985), Data: a collection of problems from many fields, table 11.1.
    """

    name = "sunspots"
    licence = "public data (Swiss Federal Observatory, Zurich)"
    homepage = "https://www.sidc.be/SILSO/"
    downloads = (
        Download(
            "monthly-sunspots.csv",
            [
                "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/monthly-sunspots.csv"
            ],
            "sha256:c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3",
            45039,
        ),
    )
    rows = '"Month","Sunspots"\n"1749-01",58.0\n"1749-02",62.6\n"1749-03",70.0\n"1749-04",55.7\n'
