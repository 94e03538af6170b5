"""Values are checked against annotations, converted where that loses nothing, and refused in plain words otherwise."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.arguments import Interval, NonNegativeFloat, PositiveInt, Probability, convert, describe
from gatefield.core.errors import ArgumentError


@settings(deadline=None)
@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.floats(allow_nan=False), st.booleans(), st.booleans())
def test_an_interval_is_what_it_prints(low, high, value, closed_below, closed_above):
    interval = Interval(f"{'[' if closed_below else '('}{low!r}, {high!r}{']' if closed_above else ')'}")
    above = low <= value if closed_below else low < value
    below = value <= high if closed_above else value < high
    assert (value in interval) == (above and below)


def test_nan_is_in_no_interval_and_huge_whole_numbers_compare():
    assert math.nan not in Interval("[-inf, inf]")
    assert 10**400 in Interval("[1, inf)")
    assert 10**400 not in Interval("[1, 5]")


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (3, int, 3),
        (numpy.int64(3), int, 3),
        (3, float, 3.0),
        (numpy.float32(0.5), float, 0.5),
        (Fraction(1, 2), float, 0.5),
        (math.inf, float, math.inf),
        (True, bool, True),
        (None, type(None), None),
        (None, PositiveInt | None, None),
        (3, Literal["all"] | PositiveInt, 3),
        ("all", Literal["all"] | PositiveInt, "all"),
        (2, Literal[1, 2], 2),
        ([1, 2], tuple[int, int], (1, 2)),
        ([1, 2, 3], tuple[int, ...], (1, 2, 3)),
        ((), list[int], []),
        (range(3), Sequence[int], [0, 1, 2]),
        ([0, 0.5], list[Probability], [0.0, 0.5]),
        ({"a": 1}, dict[str, float], {"a": 1.0}),
        ({"a": [1]}, Mapping[str, list[float]], {"a": [1.0]}),
        ("a/b", pathlib.Path, pathlib.Path("a/b")),
        (math.sqrt, Callable[[float], float], math.sqrt),
        ("anything", Any, "anything"),
    ],
)
def test_converted(value, annotation, expected):
    result = convert(value, annotation)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation", "message", "hint"),
    [
        (True, int, "True is not a whole number", "give a whole number"),
        (3.0, int, "3.0 is not a whole number", "give a whole number"),
        ("3", int, "'3' is not a whole number", "give a whole number"),
        (numpy.zeros(1, int), int, "array([0]) is not a whole number", "give a whole number"),
        (True, float, "True is not a number", "give a number"),
        (math.nan, float, "nan is not a number", "give a number"),
        ("1e-3", float, "'1e-3' is not a number", "give a number"),
        (0, bool, "0 is not true or false", "give true or false"),
        (1, type(None), "1 is not null", "give null"),
        (False, str, "False is not text", "give text; in a recipe, quotes make text of a number, a date or yes and no"),
        ("", pathlib.Path, "'' is not a path", "give a path"),
        (3, pathlib.Path, "3 is not a path", "give a path"),
        (0, PositiveInt, "0 is outside [1, inf)", "give a number in [1, inf)"),
        (1, Probability, "1.0 is outside [0, 1)", "give a number in [0, 1)"),
        (-math.inf, NonNegativeFloat, "-inf is outside [0, inf)", "give a number in [0, inf)"),
        ("rleu", Literal["relu", "tanh"], "'rleu' is not a choice", "did you mean 'relu'? allowed are: relu, tanh"),
        (True, Literal[1, 2], "True is not a choice", "allowed are: 1, 2"),
        ("x", None | PositiveInt, "'x' is not a whole number", "give a whole number"),
        (0, PositiveInt | None, "0 is outside [1, inf)", "give a number in [1, inf)"),
        (0, Literal["all"] | PositiveInt, "0 is not one of: all or a whole number in [1, inf)", None),
        ("ab", list[str], "'ab' is not a list", "give a list"),
        ({"a": 1}, list[int], "{'a': 1} is not a list", "give a list"),
        ([1, 2, 3], tuple[int, int], "[1, 2, 3] is not a list of 2 values", "give a list of 2 values"),
        ([1], dict[str, int], "[1] is not a mapping of names to values", "give a mapping of names to values"),
        (3, Callable[[], None], "3 is not a function", "give a function"),
    ],
)
def test_refused(value, annotation, message, hint):
    with pytest.raises(ArgumentError) as caught:
        convert(value, annotation, ("model", "width"))
    assert caught.value.message == message
    assert caught.value.hint == (hint or f"give {describe(annotation)}")
    assert caught.value.path == ("model", "width")


def test_a_whole_number_too_large_for_a_float_is_refused_by_name():
    with pytest.raises(ArgumentError, match="is not a number"):
        convert(10**400, float)


@pytest.mark.parametrize(
    ("value", "annotation", "path"),
    [
        ([1, "x"], list[int], ("1",)),
        ([1, "x"], tuple[int, str] | tuple[int, int] | None, ()),
        ([[1], ["x"]], list[list[int]], ("1", "0")),
        ({"a": {"b": "x"}}, dict[str, dict[str, int]], ("a", "b")),
        ([1, "x"], list[int] | None, ("1",)),
        ([1, "x"], Literal["none"] | list[int], ("1",)),
    ],
)
def test_the_path_leads_to_the_item(value, annotation, path):
    if not path:  # one of the parts fits
        assert convert(value, annotation) == (1, "x")
        return
    with pytest.raises(ArgumentError) as caught:
        convert(value, annotation)
    assert caught.value.path == path


def test_keys_are_converted_too():
    assert convert({numpy.int64(1): 2}, dict[int, float]) == {1: 2.0}
    with pytest.raises(ArgumentError, match="'1' is not a whole number"):
        convert({"1": 2}, dict[int, float])


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
ANNOTATIONS = [
    int,
    float,
    bool,
    str,
    PositiveInt,
    Probability,
    pathlib.Path,
    Literal["a", 1],
    list[int],
    tuple[int, float],
    tuple[str, ...],
    dict[str, float],
    PositiveInt | Literal["all"] | None,
    list[Probability] | None,
    Annotated[float, Interval("(0, 1]")],
]


@settings(deadline=None)
@given(PLAIN, st.sampled_from(ANNOTATIONS))
def test_any_value_converts_for_good_or_is_refused_with_advice(value, annotation):
    try:
        converted = convert(value, annotation, ("key",))
    except ArgumentError as error:
        assert error.message
        assert error.hint
        assert error.path[0] == "key"
    else:
        assert convert(converted, annotation) == converted


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (PositiveInt, "a whole number in [1, inf)"),
        (Probability | None, "a number in [0, 1) or null"),
        (Literal["relu", 3], "one of: relu, 3"),
        (tuple[int, ...], "a list of a whole number, ..."),
        (str, "text"),
    ],
)
def test_described(annotation, words):
    assert describe(annotation) == words
