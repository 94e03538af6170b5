"""What readers of sequences return: items of one kind, in parts."""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from torch import Tensor

from ..core.errors import DataError


class LabelledText(NamedTuple):
    """A text and its class; ``place`` says where it stands, for people: ``reviews.csv:17``."""

    text: str
    label: int
    place: str


class TaggedSentence(NamedTuple):
    """As many tags as words."""

    words: list[str]
    tags: list[str]
    place: str


class TextPair(NamedTuple):
    """A text and what becomes of it: its translation, for example."""

    source: str
    target: str
    place: str


class Recording(NamedTuple):
    """Sound: ``samples`` float32 (count,) in [-1, 1] at ``rate`` a second, what is said in it, and by whom."""

    samples: Tensor
    rate: int
    text: str
    speaker: str
    place: str


class Roll(NamedTuple):
    """A piano roll: ``notes`` uint8 (time, 88), 1 where a key sounds."""

    notes: Tensor
    place: str


class CaptionedImage(NamedTuple):
    """A picture's file and what people say it shows."""

    path: pathlib.Path
    captions: list[str]
    place: str


Item = TypeVar("Item")


def counts_by_class(labels: Sequence[int], classes: Sequence[str]) -> dict[str, int]:
    """Name of each class -> how many of ``labels`` are its number."""
    counts = Counter(labels)
    return {name: counts[label] for label, name in enumerate(classes)}


@dataclass(frozen=True)
class Parts(Generic[Item]):
    """A data set of ``Item``s; ``validation`` and ``test`` are None where the set has none of its own.

    Attributes:
        classes: the name of each label 0 .. K-1, where items have labels.
        notes: what a person should know about the reading, for example which lines were left out.

    Raises:
        DataError: no item to train on.
    """

    train: Sequence[Item]
    validation: Sequence[Item] | None = None
    test: Sequence[Item] | None = None
    classes: Sequence[str] = ()
    notes: Sequence[str] = ()

    def facts(self) -> dict[str, Any]:
        """What the set holds, as JSON holds it: counts by part, and by class where items have labels."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        found: dict[str, Any] = {}
        for part, items in parts.items():
            if items is not None:
                found[part] = {"count": len(items)}
                labels = [item.label for item in items if isinstance(item, LabelledText)]
                if labels:
                    found[part]["classes"] = counts_by_class(labels, self.classes)
                tags = Counter(tag for item in items if isinstance(item, TaggedSentence) for tag in item.tags)
                if tags:
                    found[part]["classes"] = dict(tags.most_common())
        return {"parts": found, "notes": list(self.notes)}

    def __post_init__(self) -> None:
        if len(self.train) == 0:
            raise DataError("the training part is empty", hint="check that the data set is complete")
