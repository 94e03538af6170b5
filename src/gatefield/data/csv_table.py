"""The cells of a CSV file, with the line on which each stands."""

from __future__ import annotations

import csv
import io
import math
from typing import NamedTuple

from ..core.errors import DataError, suggest
from .dates import is_date

MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}


class CsvTable(NamedTuple):
    """A rectangle of stripped cells below the names of its columns.

    Attributes:
        names: from the first row; "series 1" ... where that holds numbers or dates already.
        rows: of cells.
        lines: on which each row ends.
        place: what messages call the file.
    """

    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    place: str

    @classmethod
    def read(cls, content: bytes, place: str) -> CsvTable:
        """The table in the bytes of a file; commas, semicolons or tabs lie between its cells.

        Raises:
            DataError: no UTF-8 text, no rows, rows of different length, or a name that occurs twice.
        """
        rows, lines = _cells(_text(content, place), place)
        names = [f"series {number}" for number in range(1, len(rows[0]) + 1)]
        if not any(_counts(cell) for cell in rows[0]):
            names, rows, lines = rows[0], rows[1:], lines[1:]
        if not rows:
            raise DataError(f"{place} has names of columns and no rows", hint="give a CSV file with one step a row")
        for row, line in zip(rows, lines):
            if len(row) != len(names):
                message = f"{place}, line {line}: {len(row)} cells where there are {len(names)} columns"
                raise DataError(message, hint="give every row one cell a column; quote a cell that holds the separator")
        double = [name for number, name in enumerate(names) if name in names[:number]]
        if double:
            raise DataError(f"{place} has two columns named '{double[0]}'", hint="give every column its own name")
        return cls(names, rows, lines, place)

    def where(self, row: int) -> str:
        """File and line, for people."""
        return f"{self.place}, line {self.lines[row]}"

    def index(self, name: str) -> int:
        """The number of the column called ``name``.

        Raises:
            DataError: there is none.
        """
        if name not in self.names:
            raise DataError(f"{self.place} has no column '{name}'", hint=suggest(name, self.names))
        return self.names.index(name)

    def has_numbers(self, column: int, decimal: str) -> bool:
        """Whether any cell of the column is a number."""
        for row in self.rows:
            try:
                if math.isfinite(_number(row[column], decimal)):
                    return True
            except ValueError:
                continue
        return False

    def numbers(self, column: int, decimal: str) -> list[float]:
        """The column as numbers, NaN where a value is missing.

        Raises:
            DataError: a cell that is no finite number; names its line.
        """
        return [self._finite(row, column, decimal) for row in range(len(self.rows))]

    def _finite(self, row: int, column: int, decimal: str) -> float:
        cell = self.rows[row][column]
        if cell.lower() in MISSING:
            return math.nan
        hint = "mend the cell, or leave it empty where the value is missing"
        try:
            number = _number(cell, decimal)
        except ValueError:
            if "," in cell and decimal == ".":
                hint = "set decimal to ',' where that is the decimal mark; thousands need no mark"
            message = f"{self.where(row)}: {cell!r} in column '{self.names[column]}' is not a number"
            raise DataError(message, hint=hint) from None
        if not math.isfinite(number):
            message = f"{self.where(row)}: {cell!r} in column '{self.names[column]}' is not finite"
            raise DataError(message, hint=hint)
        return number


def _number(cell: str, decimal: str) -> float:
    if "_" in cell or (decimal != "." and "." in cell):
        raise ValueError(cell)
    return float(cell.replace(decimal, "."))


def _text(content: bytes, place: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{place}, line {line}: not UTF-8 text", hint="save the table as CSV in UTF-8") from None


def _cells(text: str, place: str) -> tuple[list[list[str]], list[int]]:
    """The rows that are not blank, and their lines."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), skipinitialspace=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for cells in reader:
            if len(cells) > 1 or any(cell.strip() for cell in cells):
                rows.append([cell.strip() for cell in cells])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{place}, line {reader.line_num}: {error}", hint="save the table as CSV") from None
    if not rows:
        raise DataError(f"{place} is empty", hint="give a CSV file with one step a row")
    return rows, lines


def _counts(cell: str) -> bool:
    """Whether ``cell`` is a number or a date: such a cell names no column."""
    try:
        return math.isfinite(float(cell.replace(",", ".")))
    except ValueError:
        return is_date(cell)
