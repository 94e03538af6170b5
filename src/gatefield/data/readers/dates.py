"""Dates as people write them, and as ISO 8601 does: a small translation that needs attention and no download."""

from __future__ import annotations

import datetime
import pathlib
from typing import Annotated, Self

import torch

from ...core.arguments import Interval, PositiveInt
from ...core.errors import ArgumentError
from ...core.seeding import generator
from ..corpus import Parts, TextPair
from ..reader import PairReader

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
_DAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
}
_FORMS = (
    "{d} {en} {y}",
    "{en} {d}, {y}",
    "{en} {ordinal}, {y}",
    "the {ordinal} of {en} {y}",
    "{day_en}, {en} {d}, {y}",
    "{day_en} {d} {en_short} {y}",
    "{d}-{en_short}-{y}",
    "{en_short} {d} {y}",
    "{y} {en_short} {d:02}",
    "{d:02}.{m:02}.{y}",
    "{d}. {de} {y}",
    "{day_de}, der {d}. {de} {y}",
    "{day_de}, {d}. {m}. {y}",
    "{d} {fr} {y}",
    "le {day_fr} {d} {fr} {y}",
    "{y}/{m:02}/{d:02}",
)
_Year = Annotated[int, Interval("[1000, 9999]")]


class Dates(PairReader):
    """Dates in sixteen written forms of three languages, and the same as ``1979-05-03``.

    No date is in two parts. Everything is drawn from fixed streams: the same whatever the seed of a run.

    Args:
        count: training pairs.
        held_out: pairs of the validation part, and as many of the test part.
        first_year, last_year: the years, both included.

    Reference: the task of "Neural machine translation with attention", Ng, Katanforoosh and Bensouda Mourri (2017).
    """

    name = "dates"
    licence = "none: generated"

    def __init__(
        self,
        count: PositiveInt = 10_000,
        held_out: PositiveInt = 1_000,
        first_year: _Year = 1900,
        last_year: _Year = 2099,
    ) -> None:
        self.count, self.held_out = count, held_out
        if last_year < first_year:
            message = f"the last year, {last_year}, is before the first, {first_year}"
            raise ArgumentError(message, hint="exchange the two", path=("last_year",))
        self.first = datetime.date(first_year, 1, 1)
        self.days = (datetime.date(last_year, 12, 31) - self.first).days + 1
        if count + 2 * held_out > self.days:
            message = f"{count} + 2 x {held_out} dates are more than the {self.days} days of these years"
            raise ArgumentError(message, hint="ask for fewer, or more years", path=("count",))

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Forty training pairs, and twice ten."""
        return cls(count=40, held_out=10)

    def read(self) -> Parts[TextPair]:
        """The three parts."""
        total = self.count + 2 * self.held_out
        days = torch.randperm(self.days, generator=generator(0, "dates"))[:total].tolist()
        forms = torch.randint(len(_FORMS), (total,), generator=generator(0, "forms")).tolist()
        pairs = [
            _pair(self.first + datetime.timedelta(day), _FORMS[form], f"date {number}")
            for number, (day, form) in enumerate(zip(days, forms))
        ]
        return Parts(pairs[: self.count], pairs[self.count : -self.held_out], pairs[-self.held_out :])


def _pair(date: datetime.date, form: str, place: str) -> TextPair:
    d, m, y = date.day, date.month, date.year
    names = {language: months.split()[m - 1] for language, months in _MONTHS.items()}
    days = {f"day_{language}": week.split()[date.weekday()] for language, week in _DAYS.items()}
    written = form.format(d=d, m=m, y=y, ordinal=_ordinal(d), en_short=names["en"][:3], **names, **days)
    return TextPair(written, date.isoformat(), place)


def _ordinal(day: int) -> str:
    ending = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"
