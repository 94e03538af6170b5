"""Check a value against a constructor's annotation: types, intervals, choices, nested configurables.

A constructor states its interval in the annotation, as it would be written in a paper:

    def __init__(self, rate: Annotated[float, Interval("[0, 1)")] = 0.5)
"""

from __future__ import annotations

import math
import numbers
import pathlib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from .errors import ArgumentError, UnknownName, suggest


@dataclass(frozen=True)
class Interval:
    """A real interval as it is printed: ``Interval("(0, 1]")``, ``Interval("[1, inf)")``."""

    text: str

    def __contains__(self, value: float) -> bool:
        low, high = (float(bound) for bound in self.text[1:-1].split(","))
        above = value >= low if self.text[0] == "[" else value > low
        below = value <= high if self.text[-1] == "]" else value < high
        return above and below


PositiveInt = Annotated[int, Interval("[1, inf)")]
NonNegativeInt = Annotated[int, Interval("[0, inf)")]
PositiveFloat = Annotated[float, Interval("(0, inf)")]
NonNegativeFloat = Annotated[float, Interval("[0, inf)")]
Probability = Annotated[float, Interval("[0, 1)")]


def convert(value: Any, annotation: Any, path: tuple[str, ...] = ()) -> Any:
    """``value`` as ``annotation`` wants it: an int becomes a float, a name or mapping becomes its object.

    Raises:
        ArgumentError: wrong type, outside the interval, not among the choices. ``path`` leads to the argument.
    """
    origin, parameters = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return value
    if origin is Annotated:
        value = convert(value, parameters[0], path)
        for bound in parameters[1:]:
            if isinstance(bound, Interval):
                _check_interval(value, bound, path)
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(value, annotation, parameters, path)
    if origin is Literal:
        if not any(value == choice and type(value) is type(choice) for choice in parameters):
            choices = [str(choice) for choice in parameters]
            raise ArgumentError(f"{value!r} is not a choice", hint=suggest(str(value), choices), path=path)
        return value
    if origin in (list, tuple, Sequence):
        return _convert_sequence(value, origin, parameters, path)
    if origin in (dict, Mapping):
        _require(isinstance(value, Mapping), value, "a mapping of names to values", path)
        key_type, item_type = parameters
        return {
            convert(key, key_type, (*path, str(key))): convert(item, item_type, (*path, str(key)))
            for key, item in value.items()
        }
    if origin is Callable or annotation is Callable:
        _require(callable(value), value, "a function", path)
        return value
    if hasattr(annotation, "from_config") or hasattr(origin, "from_config"):
        return (annotation if origin is None else origin).from_config(value, path, *parameters)
    return _convert_plain(value, annotation, path)


def describe(annotation: Any) -> str:
    """``annotation`` in words, for messages and tables: ``int in [1, inf)``, ``one of: relu, tanh``."""
    origin, parameters = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        bounds = [bound.text for bound in parameters[1:] if isinstance(bound, Interval)]
        return " in ".join([describe(parameters[0]), *bounds])
    if origin in (Union, types.UnionType):
        return " or ".join(describe(part) for part in parameters)
    if origin is Literal:
        return "one of: " + ", ".join(str(choice) for choice in parameters)
    if origin in (list, tuple, Sequence):
        inner = ", ".join("..." if part is Ellipsis else describe(part) for part in parameters)
        return f"a list of {inner}"
    if hasattr(origin, "from_config"):
        return describe(parameters[0])
    if hasattr(annotation, "kind"):
        return _a(annotation.kind)
    return _WORDS.get(annotation) or getattr(annotation, "__name__", str(annotation))


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    pathlib.Path: "a path",
    type(None): "null",
}


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _require(holds: bool, value: Any, wanted: str | None, path: tuple[str, ...]) -> None:
    if not holds:
        raise ArgumentError(f"{value!r} is not {wanted}", hint=f"give {wanted}", path=path)


def _check_interval(value: Any, interval: Interval, path: tuple[str, ...]) -> None:
    if isinstance(value, (int, float)) and value not in interval:
        raise ArgumentError(
            f"{value!r} is outside {interval.text}", hint=f"give a number in {interval.text}", path=path
        )


def _convert_union(value: Any, annotation: Any, parts: tuple[Any, ...], path: tuple[str, ...]) -> Any:
    failures: list[ArgumentError] = []
    for part in parts:
        try:
            return convert(value, part, path)
        except ArgumentError as error:
            if part is not type(None):
                failures.append(error)
    # A part that got as far as looking inside the value, or for its name, says best what is wrong.
    closest = max(failures, key=lambda error: (len(error.path), isinstance(error, UnknownName)))
    if len(failures) == 1 or len(closest.path) > len(path) or isinstance(closest, UnknownName):
        raise closest
    raise ArgumentError(f"{value!r} is not {describe(annotation)}", hint=f"give {describe(annotation)}", path=path)


def _convert_sequence(value: Any, origin: Any, parts: tuple[Any, ...], path: tuple[str, ...]) -> Any:
    _require(isinstance(value, Sequence) and not isinstance(value, (str, bytes)), value, "a list", path)
    if origin is tuple and parts[-1] is not Ellipsis:
        _require(len(value) == len(parts), value, f"a list of {len(parts)} values", path)
        return tuple(convert(item, part, (*path, str(i))) for i, (item, part) in enumerate(zip(value, parts)))
    items = [convert(item, parts[0], (*path, str(i))) for i, item in enumerate(value)]
    return tuple(items) if origin is tuple else items


def _convert_plain(value: Any, annotation: Any, path: tuple[str, ...]) -> Any:
    wanted = _WORDS.get(annotation)
    if annotation is int:
        _require(isinstance(value, numbers.Integral) and not isinstance(value, bool), value, wanted, path)
        return int(value)
    if annotation is float:
        number = _number(value)
        _require(not math.isnan(number), value, wanted, path)
        return number
    if annotation is str and not isinstance(value, str):
        hint = "give text; in a recipe, quotes make text of a number, a date or yes and no"
        raise ArgumentError(f"{value!r} is not text", hint=hint, path=path)
    if annotation is pathlib.Path:
        _require(isinstance(value, (str, pathlib.Path)) and value != "", value, wanted, path)
        return pathlib.Path(value)
    if isinstance(annotation, type):
        _require(isinstance(value, annotation), value, wanted or _a(annotation.__name__), path)
    return value


def _number(value: Any) -> float:
    """``value`` as a float; NaN where it is none, or too large for one."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan
