"""What readers of sequences return: items of one kind, in parts."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

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

    def __post_init__(self) -> None:
        if len(self.train) == 0:
            raise DataError("the training part is empty", hint="check that the data set is complete")
