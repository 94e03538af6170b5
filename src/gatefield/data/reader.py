"""The contract of a reader, one base a kind of data; and labelled images in splits."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from torch import Tensor

from ..core.configurable import Configurable
from ..core.errors import DataError
from .corpus import CaptionedImage, LabelledText, Parts, Recording, Roll, TaggedSentence, TextPair, counts_by_class
from .fetch import Download


class LabelledImages(Protocol):
    """Images with labels, in memory or on disk; ``batch`` is the only way to the pixels.

    Attributes:
        labels: int64 (count,).
    """

    labels: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, height, width) of every image, or (features,) of plain vectors."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor) -> Tensor:
        """The images at ``indices`` (int64, any order): uint8 in [0, 255], or float32 for arrays of numbers."""
        ...

    def source(self, index: int) -> str:
        """Where image ``index`` comes from, for people: a path, or ``mnist train 17``."""
        ...

    def subset(self, indices: Tensor) -> Self:
        """Those images only, in that order."""
        ...

    def fingerprint(self) -> int:
        """A checksum that changes when the data change: a resumed run must see the same data."""
        ...


@dataclass(frozen=True)
class Splits:
    """A data set as a reader returns it; ``validation`` and ``test`` are None where the set has none of its own.

    Attributes:
        classes: the name of each label 0 .. K-1.
        notes: what a person should know about the reading, for example which damaged files were left out.

    Raises:
        DataError: no training image, a label outside 0 .. K-1, or splits whose images differ in shape.
    """

    train: LabelledImages
    validation: LabelledImages | None
    test: LabelledImages | None
    classes: Sequence[str]
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if len(self.train) == 0:
            raise DataError("the training part has no images", hint="check that the data set is complete")
        for images in (self.train, self.validation, self.test):
            if images is not None:
                self._check(images)

    def facts(self) -> dict[str, Any]:
        """What the set holds, as JSON holds it: counts by part and class."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {
            "shape": list(self.train.shape),
            "parts": {
                part: {"count": len(images), "classes": counts_by_class(images.labels.tolist(), self.classes)}
                for part, images in parts.items()
                if images is not None
            },
            "notes": list(self.notes),
        }

    def _check(self, images: LabelledImages) -> None:
        outside = (images.labels < 0) | (images.labels >= len(self.classes))
        if outside.any():
            first = int(outside.nonzero()[0])
            raise DataError(
                f"{images.source(first)} has label {int(images.labels[first])}, outside 0 .. {len(self.classes) - 1}",
                hint=f"there are {len(self.classes)} classes: number the labels from 0, or name every class",
            )
        if len(images) and images.shape != self.train.shape:
            raise DataError(
                f"{images.source(0)} has shape {images.shape}, the training images {self.train.shape}",
                hint="all images need one size: set data.size, for example data.size=64",
            )


class Reader(Configurable):
    """Reads one format or one data set; what `read` returns is said by the kind of reader.

    Class attributes:
        licence: the licence of the data, printed when they are fetched; empty for the user's own files.
        homepage: where the data come from.
        downloads: the files that ``gatefield data NAME --fetch`` gets; empty where there is nothing to fetch.
        folder: the name of the data set's folder below the folder of data sets.
    """

    kind: ClassVar[str] = "reader"
    package: ClassVar[str] = "gatefield.data.readers"
    licence: ClassVar[str] = ""
    homepage: ClassVar[str] = ""
    downloads: ClassVar[Sequence[Download]] = ()
    folder: ClassVar[str] = ""

    def read(self) -> Any:
        """The data set.

        Raises:
            DataError: a file is missing, damaged or inconsistent; names it.
        """
        raise NotImplementedError

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """A reader of a few generated items written below ``folder``, so that tests need no network."""
        raise NotImplementedError(f"{cls.__name__} has no sample")


class ImageReader(Reader):
    """Reads labelled images."""

    kind: ClassVar[str] = "reader of images"

    def read(self) -> Splits:
        raise NotImplementedError


class RunningTextReader(Reader):
    """Reads running text: each part is a list of documents."""

    kind: ClassVar[str] = "reader of running text"

    def read(self) -> Parts[str]:
        raise NotImplementedError


class LabelledTextReader(Reader):
    """Reads texts, each of one class."""

    kind: ClassVar[str] = "reader of labelled texts"

    def read(self) -> Parts[LabelledText]:
        raise NotImplementedError


class TaggedReader(Reader):
    """Reads sentences with a tag for every word."""

    kind: ClassVar[str] = "reader of tagged sentences"

    def read(self) -> Parts[TaggedSentence]:
        raise NotImplementedError


class PairReader(Reader):
    """Reads pairs of texts: translations, for example."""

    kind: ClassVar[str] = "reader of pairs of texts"

    def read(self) -> Parts[TextPair]:
        raise NotImplementedError


class RecordingReader(Reader):
    """Reads sound with what is said in it."""

    kind: ClassVar[str] = "reader of recordings"

    def read(self) -> Parts[Recording]:
        raise NotImplementedError


class RollReader(Reader):
    """Reads piano rolls."""

    kind: ClassVar[str] = "reader of piano rolls"

    def read(self) -> Parts[Roll]:
        raise NotImplementedError


class CaptionReader(Reader):
    """Reads pictures with captions."""

    kind: ClassVar[str] = "reader of captioned pictures"

    def read(self) -> Parts[CaptionedImage]:
        raise NotImplementedError
