"""Daily minimum temperatures: a year's wave under the weather."""

from __future__ import annotations

from ..fetch import Download
from .time_series import TimeSeriesFile


class Temperatures(TimeSeriesFile):
    """3,650 daily minimum temperatures in Melbourne in degrees Celsius, 1981 to 1990.

    Args:
        path: the folder of the file, or the file.

    The file leaves out the last days of 1984 and 1988; they repeat the day before.

    Reference: Australian Bureau of Meteorology.
    """

    name = "temperatures"
    licence = "public data (Australian Bureau of Meteorology)"
    homepage = "https://github.com/jbrownlee/Datasets"
    downloads = (
        Download(
            "daily-min-temperatures.csv",
            [
                "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/daily-min-temperatures.csv"
            ],
            "sha256:8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da",
            67921,
        ),
    )
    rows = '"Date","Temp"\n"1981-01-01",20.7\n"1981-01-02",17.9\n"1981-01-03",18.8\n"1981-01-04",14.6\n'
