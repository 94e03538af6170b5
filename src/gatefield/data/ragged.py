"""Rows of different lengths in one tensor."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Sequence
from typing import Self

import numpy
import torch
from torch import Tensor

from ..core.errors import DataError


class Ragged:
    """Rows of different lengths, end to end in one tensor: row i is ``flat[starts[i] : starts[i] + lengths[i]]``.

    Args:
        flat: (total, ...), for example int64 numbers of symbols, or float32 frames of features.
        lengths: int64 (count,), of each row, from 0.
        starts: int64 (count,); by default each row starts where the one before it ends.

    Raises:
        DataError: rows that reach out of ``flat``.
    """

    def __init__(self, flat: Tensor, lengths: Tensor, starts: Tensor | None = None) -> None:
        self.flat, self.lengths = flat, lengths
        self.starts = lengths.cumsum(0) - lengths if starts is None else starts
        if len(lengths) and (lengths.min() < 0 or int((self.starts + lengths).max()) > len(flat)):
            raise DataError("there are rows that reach out of the data", hint="check the lengths")

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[int] | Tensor]) -> Self:
        """Rows of whole numbers, or tensors (length, ...) of one type."""
        given = list(rows)
        lengths = torch.tensor([len(row) for row in given], dtype=torch.int64)
        if given and isinstance(given[0], Tensor):
            return cls(torch.cat([torch.as_tensor(row) for row in given]), lengths)
        numbers = numpy.fromiter(itertools.chain.from_iterable(given), numpy.int64, int(lengths.sum()))
        return cls(torch.from_numpy(numbers), lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Tensor:
        start = int(self.starts[index])
        return self.flat[start : start + int(self.lengths[index])]

    def subset(self, indices: Tensor) -> Self:
        """Those rows only, in that order; nothing is copied."""
        return type(self)(self.flat, self.lengths[indices], self.starts[indices])

    def without_first(self) -> Self:
        """The rows from their second element on; nothing is copied."""
        return type(self)(self.flat, (self.lengths - 1).clamp(min=0), self.starts + self.lengths.clamp(max=1))

    def without_last(self) -> Self:
        """The rows without their last element; nothing is copied."""
        return type(self)(self.flat, (self.lengths - 1).clamp(min=0), self.starts)

    def padded(self, indices: Tensor, value: float = 0) -> tuple[Tensor, Tensor]:
        """The rows at ``indices`` as (count, longest, ...), with ``value`` after their ends; and their lengths."""
        lengths, starts = self.lengths[indices], self.starts[indices]
        time = torch.arange(int(lengths.max()) if len(lengths) else 0)
        inside = time < lengths[:, None]
        padded = self.flat.new_full((len(lengths), len(time), *self.flat.shape[1:]), value)
        padded[inside] = self.flat[(starts[:, None] + time)[inside]]
        return padded, lengths

    def fingerprint(self, checksum: int = 0) -> int:
        """A checksum over the type, the rows and their lengths, continued from ``checksum``."""
        checksum = zlib.crc32(f"{self.flat.dtype}{tuple(self.flat.shape[1:])}".encode(), checksum)
        for numbers in (self.lengths, self.starts, self.flat):
            checksum = zlib.crc32(numbers.contiguous().numpy().data, checksum)
        return checksum
