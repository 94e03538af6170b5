"""Where the parts of a series end: what came first is for training, what came last for the test."""

from __future__ import annotations

from typing import NamedTuple

from ..core.errors import DataError
from ..data.series import Series

HELD_OUT = 0.15


class Division(NamedTuple):
    """The steps at which the training, the validation and the test part end."""

    train: int
    validation: int
    test: int

    def part(self, name: str) -> tuple[int, int]:
        """First step and end of a part."""
        parts = {"train": (0, self.train), "validation": (self.train, self.validation), "test": self[1:]}
        return parts[name]


def divide(series: Series, validation: float | None, test: float | None, window: int, horizon: int) -> Division:
    """The division of its own that ``series`` has, or one by shares.

    Args:
        validation, test: shares of the steps, in (0, 1); None: `HELD_OUT`, or as the series is divided itself.
        window, horizon: steps that are seen and that are forecast; training needs both, the other parts a horizon.

    Raises:
        DataError: the data have parts of their own and shares are asked for, or a part is too short.
    """
    count = len(series)
    if series.parts is not None:
        if validation is not None or test is not None:
            key = "validation" if validation is not None else "test"
            raise DataError("the data have a division of their own", hint=f"leave '{key}' out")
        division = Division(*series.parts, count)
    else:
        validation, test = validation or HELD_OUT, test or HELD_OUT
        division = Division(round(count * (1 - validation - test)), round(count * (1 - test)), count)
    needed = {"training": window + horizon, "validation": horizon, "test": horizon}
    for (part, least), start, end in zip(needed.items(), (0, *division), division):
        if end - start < least:
            message = f"the {part} part has {end - start} of {count} steps, and {least} are needed"
            hint = f"give a longer series, or set a smaller window or horizon than {window} and {horizon}"
            raise DataError(message, hint=hint)
    return division
