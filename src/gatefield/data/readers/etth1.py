"""ETTh1: an electricity transformer, hour by hour."""

from __future__ import annotations

import dataclasses

from ..fetch import Download
from ..series import Series
from .csv_series import CsvSeries
from .time_series import TimeSeriesFile

_MONTH = 30 * 24


class ETTh1(TimeSeriesFile):
    """Six loads and the oil temperature (OT) of an electricity transformer, every hour, July 2016 to June 2018.

    With the usual division: 12 months of 30 days to train, 4 to validate, 4 to test; the 2.2 months that remain of the
    17,420 hours are left out, as everywhere.

    Args:
        path: the folder of the file, or the file.
        columns: the series to take; by default all seven.

    Reference: Zhou et al. (2021), Informer, section 5.1.
    """

    name = "etth1"
    licence = "CC BY-ND 4.0: pass the file on unchanged only"
    homepage = "https://github.com/zhouhaoyi/ETDataset"
    downloads = (
        Download(
            "ETTh1.csv",
            [
                "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/"
                "1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small/ETTh1.csv"
            ],
            "sha256:f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
            2589657,
        ),
    )
    rows = "date,HUFL,OT\n" + "".join(
        f"2016-07-01 {hour:02}:00:00,{5.8 - hour / 8:.3f},{30.5 - hour / 4:.3f}\n" for hour in range(24)
    )

    def __init__(self, path: str | None = None, columns: list[str] | None = None) -> None:
        super().__init__(path)
        self.columns = columns

    def read(self) -> Series:
        series = CsvSeries(str(self.file()), columns=self.columns).read()
        ends = (12 * _MONTH, 16 * _MONTH, 20 * _MONTH)
        if len(series) < ends[-1]:  # a sample, or a file that was cut
            return series
        kept = slice(ends[-1])
        return dataclasses.replace(
            series,
            values=series.values[kept],
            stamps=series.stamps[kept],
            covariates=series.covariates[kept],
            parts=ends[:2],
        )
