"""Errors a person can act on: what is wrong, where, and a hint that says what to do next."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from typing import Any


class GatefieldError(Exception):
    """An error with advice. ``message`` is one sentence naming the thing and the place; ``hint`` the next step.

    ``exit_code`` is what the command line ends with: 2 when the user can mend it, 1 when the fault is ours.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes, although ``hint`` is a keyword."""
        return functools.partial(type(self), hint=self.hint), (self.message,), self.__dict__


class InputError(GatefieldError):
    """The user's input, files or settings cannot be used as they are."""

    exit_code = 2


class ArgumentError(InputError):
    """A constructor argument of the wrong type or outside its interval; ``path`` says which, outermost first."""

    def __init__(self, message: str, *, hint: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.path = path


class UnknownName(ArgumentError):
    """A name that nothing in its family carries."""


class RecipeError(InputError):
    """A recipe that cannot be read or names things that do not exist."""


class DataError(InputError):
    """A data set or file that is missing, damaged or does not fit."""


class RunFolderError(InputError):
    """A run folder that exists already, is incomplete, or does not belong to this recipe."""


class WeightsError(InputError):
    """A weights file that is not safetensors, or belongs to another architecture."""


class DivergenceError(InputError):
    """Training produced a number that is not finite."""


class StorageError(InputError):
    """The disk is full, read-only or gone."""


class MissingExtra(InputError):
    """An optional dependency is not installed."""


FEW = 20  # names that are read to the end


def nearest(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Up to ``count`` of ``names`` that are spelled most like ``name``, best first."""
    by_lower = {candidate.lower(): candidate for candidate in names}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=count, cutoff=0.5)
    return [by_lower[match] for match in matches]


def suggest(name: str, names: Iterable[str]) -> str:
    """A hint for a misspelled ``name``: the nearest spelling, then all that is allowed; of many, the nearest alone."""
    names = sorted(names)
    close = nearest(name, names)
    allowed = f"allowed are: {', '.join(names)}" if names else "nothing is allowed here"
    if not close:
        return allowed
    if len(names) > FEW:
        allowed = f"of {len(names)} names these are the nearest: {', '.join(close)}"
    return f"did you mean '{close[0]}'? {allowed}"
