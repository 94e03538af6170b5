"""Time series as a reader returns them, and the contract of such a reader."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..core.errors import DataError
from .frequency import Frequency
from .reader import Reader


@dataclass(frozen=True)
class Series:
    """One or several numbers a step, measured side by side, oldest step first.

    Attributes:
        values: float64 (time, series), finite.
        names: of the series.
        stamps: when each step was: ISO 8601, or the number of the step.
        frequency: how far apart the steps are.
        covariates: float64 (time + future, covariates), what is known ahead; ``future`` steps may lie beyond the last
            value.
        covariate_names: their names.
        parts: the steps at which the training and the validation part end, where the data have a usual division.
        notes: what a person should know about the reading: gaps, duplicates, what was filled.

    Raises:
        DataError: no step, a value that is not finite, or parts that do not fit.
    """

    values: Tensor
    names: Sequence[str]
    stamps: Sequence[str]
    frequency: Frequency = field(default_factory=Frequency)
    covariates: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.float64))
    covariate_names: Sequence[str] = ()
    parts: tuple[int, int] | None = None
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.covariate_names:
            object.__setattr__(self, "covariates", self.values.new_zeros(len(self.values), 0))
        if self.values.numel() == 0:
            raise DataError("the series has no values", hint="check that the file is complete")
        for names, numbers in ((self.names, self.values), (self.covariate_names, self.covariates)):
            finite = numbers.isfinite()
            if not finite.all():
                step, column = (~finite).nonzero()[0].tolist()
                message = f"'{names[column]}' is not finite at {self.stamp(step)}"
                raise DataError(message, hint="replace or remove the value")
        if len(self.covariates) < len(self.values):
            message = f"covariates of {len(self.covariates)} steps for {len(self.values)} steps of values"
            raise DataError(message, hint="give a covariate for every step")
        if self.parts is not None and not 0 < self.parts[0] <= self.parts[1] <= len(self.values):
            message = f"parts that end at steps {self.parts} of {len(self.values)}"
            raise DataError(message, hint="check that the data set is complete")

    def __len__(self) -> int:
        return len(self.values)

    def stamp(self, step: int) -> str:
        """When ``step`` is; it may lie after the last one."""
        if step < len(self.stamps):
            return self.stamps[step]
        return self.frequency.after(self.stamps[-1], step - len(self.stamps) + 1)

    def facts(self) -> dict[str, Any]:
        """What it holds, as JSON holds it."""
        return {
            "parts": {"series": {"count": len(self), "from": self.stamps[0], "to": self.stamps[-1]}},
            "names": list(self.names),
            "covariates": list(self.covariate_names),
            "notes": list(self.notes),
        }

    def fingerprint(self) -> int:
        """A checksum of the numbers."""
        return zlib.crc32(self.covariates.contiguous().numpy().tobytes(), zlib.crc32(self.values.numpy().tobytes()))


class SeriesReader(Reader):
    """Reads time series."""

    kind: ClassVar[str] = "reader of time series"

    def read(self) -> Series:
        raise NotImplementedError
