"""Number the classes of labelled texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..core.errors import DataError
from .corpus import LabelledText, Parts


class NamedText(NamedTuple):
    """A text and the name of its class."""

    text: str
    label: str
    place: str


def numbered(
    parts: Mapping[str, Sequence[NamedText] | None], notes: Sequence[str] = (), classes: Sequence[str] | None = None
) -> Parts[LabelledText]:
    """``parts`` (``train``, ``validation``, ``test``) with numbers for the names of classes.

    Args:
        classes: the names in order; by default those of the training part, numbers by their value, words as spelled.

    Raises:
        DataError: one class only, or a label that the training part does not have; names its line.
    """
    found = sorted_names({item.label for item in parts["train"] or ()}) if classes is None else list(classes)
    if len(found) < 2 and parts["train"]:
        first = parts["train"][0]
        raise DataError(
            f"every training text has the label '{first.label}' ({first.place})",
            hint="a classifier needs two classes: check which column is the label",
        )
    numbers = {name: number for number, name in enumerate(found)}

    def items(part: str) -> list[LabelledText] | None:
        texts = parts.get(part)
        if texts is None:
            return None
        for item in texts:
            if item.label not in numbers:
                raise DataError(
                    f"{item.place}: the label '{item.label}' is not one of the training part",
                    hint=f"labels are: {', '.join(found[:20])}",
                )
        return [LabelledText(text, numbers[label], place) for text, label, place in texts]

    return Parts(items("train") or [], items("validation"), items("test"), found, tuple(notes))


def sorted_names(names: Iterable[str]) -> list[str]:
    """Whole numbers by value, where all are; otherwise as spelled."""
    distinct = set(names)
    if all(name.lstrip("-").isdecimal() for name in distinct):
        return sorted(distinct, key=lambda name: (int(name), name))
    return sorted(distinct)


def without_empty(texts: Iterable[NamedText], notes: list[str]) -> list[NamedText]:
    """``texts`` that have more than white space; how many were left out is told in ``notes``."""
    given = list(texts)
    kept = [item for item in given if item.text and not item.text.isspace()]
    if len(kept) < len(given):
        first = next(item for item in given if not item.text or item.text.isspace())
        notes.append(f"left out {len(given) - len(kept)} items without text, the first at {first.place}")
    return kept
