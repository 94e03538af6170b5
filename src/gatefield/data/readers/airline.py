"""Airline passengers: trend and season that grow together."""

from __future__ import annotations

from ..fetch import Download
from .time_series import TimeSeriesFile


class Airline(TimeSeriesFile):
    """144 monthly totals of international airline passengers in thousands, 1949 to 1960.

    Args:
        path: the folder of the file, or the file.

    Reference: Box and Jenkins (1970), Time series analysis, series G.
    """

    name = "airline"
    licence = "public data"
    homepage = "https://github.com/jbrownlee/Datasets"
    downloads = (
        Download(
            "airline-passengers.csv",
            [
                "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/airline-passengers.csv"
            ],
            "sha256:8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621",
            2180,
        ),
    )
    rows = '"Month","Passengers"\n"1949-01",112\n"1949-02",118\n"1949-03",132\n"1949-04",129\n'
