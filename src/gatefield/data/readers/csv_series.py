"""Time series in a CSV file: a column of dates, columns of numbers."""

from __future__ import annotations

import datetime
import itertools
import math
import pathlib
from collections.abc import Sequence
from typing import Literal, Self

import numpy
import torch

from ...core.errors import ArgumentError, DataError
from ..csv_table import MISSING, CsvTable
from ..dates import is_date, parse_dates
from ..filling import Rule, fill
from ..frequency import Frequency, text
from ..series import Series, SeriesReader

_LOOKED_AT = 20  # rows whose cells say whether a column holds dates
_SPARSE = 10  # a grid with so many times the rows of the file is no grid


class CsvSeries(SeriesReader):
    """Your own time series in a CSV file, one step a row.

    A first row without numbers names the columns. Cells may be separated by commas, semicolons or tabs. Steps that
    the dates leave out are put in and treated as missing values; of rows with the same date the last one counts; rows
    out of order are sorted. The notes tell what was done.

    A missing value (an empty cell, NA, NaN, null, ?) is filled by the rule ``missing``: ``forward`` repeats the last
    value before it and so never looks ahead, ``interpolate`` puts it on the straight line between its neighbors, which
    tells a back-test a little of what comes, ``drop`` leaves the step out, ``refuse`` stops. The first two leave out
    the steps before all columns have begun.

    Args:
        path: the file.
        date: the column of dates; by default the first in which half of the cells are dates. Without one
            the rows are numbered.
        date_format: how dates are written, as ``strptime`` has it: ``%d/%m/%y``; by default found out.
        columns: the series; by default all columns with numbers that are not named otherwise.
        covariates: columns that are known ahead, such as holidays. Last rows with covariates only are the future.
        missing: what becomes of missing values.
        decimal: the mark before decimals.

    Raises:
        ArgumentError: a column is named twice; a series that is known ahead needs no forecast.
    """

    name = "csv-series"

    def __init__(
        self,
        path: str,
        date: str | None = None,
        date_format: str | None = None,
        columns: list[str] | None = None,
        covariates: Sequence[str] = (),
        missing: Rule = "forward",
        decimal: Literal[".", ","] = ".",
    ) -> None:
        self.path, self.date, self.date_format, self.columns = path, date, date_format, columns
        self.covariates, self.decimal = covariates, decimal
        self.missing: Rule = missing
        names = [*([] if date is None else [date]), *(columns or ()), *covariates]
        for place, name in enumerate(names):
            if name in names[:place]:
                hint = "name each column once: as the date, in columns or in covariates"
                key = "covariates" if name in covariates else "columns"
                raise ArgumentError(f"column '{name}' is named twice", hint=hint, path=(key,))

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Ten years of months with trend and season."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = ["month,sales"]
        for step in range(120):
            value = 100 + step + 20 * math.sin(2 * math.pi * step / 12) + 5 * math.sin(7.0 * step * step)
            rows.append(f"{2001 + step // 12}-{step % 12 + 1:02},{value:.3f}")
        (folder / "sales.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return cls(path=str(folder / "sales.csv"))

    def read(self) -> Series:
        path = pathlib.Path(self.path).expanduser()
        if not path.is_file():
            raise DataError(f"there is no file {path}", hint="give the path of a CSV file: data.path=sales.csv")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}", hint="check the file's permissions") from None
        return self.parse(content, str(path))

    def parse(self, content: bytes, place: str) -> Series:
        """The series in the bytes of a CSV file that messages call ``place``.

        Raises:
            DataError: what cannot be used, with its line.
        """
        table, notes = CsvTable.read(content, place), []
        date = self._date_column(table)
        series = self._series_columns(table, {date, *map(table.index, self.covariates)}, notes)
        columns = [*series, *map(table.index, self.covariates)]
        numbers = numpy.array([table.numbers(column, self.decimal) for column in columns]).T
        frequency, stamps = Frequency(), [str(row) for row in range(len(numbers))]
        if date is not None:
            frequency, stamps, numbers = self._on_grid(table, date, numbers, notes)
        for place_in_row, column in enumerate(columns):
            if numpy.isnan(numbers[:, place_in_row]).all():
                message = f"{place}: column '{table.names[column]}' is empty"
                raise DataError(message, hint="leave the column out: name the others in 'columns'")
        past = len(numbers) - _future(numbers[:, : len(series)]) if self.covariates else len(numbers)
        kept, filled, note = fill(numbers[:past], self.missing, stamps, place)
        future = fill(numbers[past:, len(series) :], "refuse", stamps[past:], place)[1]
        return Series(
            torch.from_numpy(filled[:, : len(series)].copy()),
            [table.names[column] for column in series],
            [stamps[step] for step in kept],
            frequency,
            torch.from_numpy(numpy.concatenate([filled[:, len(series) :], future])),
            list(self.covariates),
            notes=[*notes, *([note] if note else [])],
        )

    def _date_column(self, table: CsvTable) -> int | None:
        if self.date is not None:
            return table.index(self.date)
        for column, name in enumerate(table.names):
            if name in self.covariates or name in (self.columns or ()):
                continue
            cells = [row[column] for row in table.rows[:_LOOKED_AT] if row[column].lower() not in MISSING]
            years = name.lower() in ("year", "date") and all(cell.isdecimal() and len(cell) == 4 for cell in cells)
            if cells and (years or 2 * sum(map(is_date, cells)) >= len(cells)):  # one that is no date is named later
                return column
        return None

    def _series_columns(self, table: CsvTable, taken: set[int | None], notes: list[str]) -> list[int]:
        """The columns of the series; of those nobody named, the ones that hold no number at all are left out."""
        if self.columns is not None:
            return [table.index(name) for name in self.columns]
        free = [column for column in range(len(table.names)) if column not in taken]
        numeric = [column for column in free if table.has_numbers(column, self.decimal)]
        for column in free:
            if column not in numeric:
                what = "neither numbers nor dates that are known" if self.date is None else "no numbers"
                notes.append(f"column '{table.names[column]}' holds {what}, and is left out")
        if not numeric:
            raise DataError(f"{table.place} has no column of numbers", hint="give a file with numbers to forecast")
        return numeric

    def _on_grid(
        self, table: CsvTable, date: int, numbers: numpy.ndarray, notes: list[str]
    ) -> tuple[Frequency, list[str], numpy.ndarray]:
        """Frequency, stamps and numbers in the order of time, every step once, NaN where the file has none."""
        rows = range(len(table.rows))
        times = parse_dates(
            [table.rows[row][date] for row in rows], [table.where(row) for row in rows], self.date_format
        )
        order = sorted(rows, key=times.__getitem__)
        if order != list(rows):
            notes.append("the rows were out of order and are sorted by date")
        last: dict[datetime.datetime, int] = {times[row]: row for row in order}  # of equal dates the last row
        if len(last) < len(times):
            twice = next(times[b] for a, b in itertools.pairwise(order) if times[a] == times[b])
            again = len(times) - len(last)
            rows_repeat = "1 row repeats" if again == 1 else f"{again} rows repeat"
            notes.append(f"{rows_repeat} a date, first {text(twice)}: the last one counts")
        distinct, numbers = list(last), numbers[list(last.values())]
        frequency = Frequency.of(distinct)
        places = [frequency.between(distinct[0], time) for time in distinct] if frequency else []
        if not frequency or places[-1] >= _SPARSE * len(places) or not all(place.is_integer() for place in places):
            if len(distinct) > 1:
                notes.append("the dates are no regular grid: the series is taken row by row")
            return Frequency(), [str(row) for row in range(len(distinct))], numbers
        steps = [int(place) for place in places]
        grid = numpy.full((steps[-1] + 1, numbers.shape[1]), numpy.nan)
        grid[steps] = numbers
        stamps = [text(frequency.add(distinct[0], step)) for step in range(len(grid))]
        if len(grid) > len(steps):
            first = next(stamps[a + 1] for a, b in itertools.pairwise(steps) if b > a + 1)
            left_out = len(grid) - len(steps)
            are = "1 step is" if left_out == 1 else f"{left_out} steps are"
            notes.append(f"{are} not in the file, first {first}")
        return frequency, stamps, grid


def _future(values: numpy.ndarray) -> int:
    """The last steps without any value."""
    given = numpy.flatnonzero(~numpy.isnan(values).all(axis=1))
    return len(values) - 1 - int(given[-1])
