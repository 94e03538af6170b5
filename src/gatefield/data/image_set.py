"""Labelled images that live in memory as one tensor."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from ..core.errors import DataError


class ImageTensor:
    """Labelled images in memory; a batch is one ``index_select``.

    Args:
        images: uint8 or float32 (count, channels, height, width), or (count, features) for plain vectors.
        labels: whole numbers (count,).
        name: what the set is called in messages, for example ``mnist train``.
        sources: where each image comes from, one text an image; by default the name and the image's number.

    Raises:
        DataError: the counts of images, labels and sources differ, or the pixels are of another type.
    """

    def __init__(self, images: Tensor, labels: Tensor, name: str, sources: Sequence[str] | None = None) -> None:
        if len(images) != len(labels):
            raise DataError(
                f"{name}: there are {len(images)} images but {len(labels)} labels",
                hint="check that images and labels belong to the same part of the same data set",
            )
        if images.dtype not in (torch.uint8, torch.float32):
            raise DataError(
                f"{name}: the images are {images.dtype}".replace("torch.", ""), hint="give them as uint8 or float32"
            )
        if sources is not None and len(sources) != len(images):
            raise DataError(f"{name}: {len(images)} images but {len(sources)} sources", hint="give one source an image")
        self.images, self.labels, self.name = images.contiguous(), labels.to(torch.int64).contiguous(), name
        self._sources, self._numbers = sources, torch.arange(len(images))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.images.shape[1:])

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Tensor) -> Tensor:
        """The images at ``indices`` (int64, any order)."""
        return self.images.index_select(0, indices)

    def source(self, index: int) -> str:
        """Where image ``index`` comes from; a subset keeps the numbers of the whole."""
        number = int(self._numbers[index])
        return f"{self.name} {number}" if self._sources is None else self._sources[number]

    def subset(self, indices: Tensor) -> Self:
        """A copy of those images only, in that order."""
        part = type(self)(self.batch(indices), self.labels[indices], self.name)
        part._sources, part._numbers = self._sources, self._numbers[indices]
        return part

    def fingerprint(self) -> int:
        """A checksum over type, shape, labels and every pixel."""
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> int:
        checksum = zlib.crc32(f"{self.images.dtype}{tuple(self.images.shape)}".encode())
        checksum = zlib.crc32(self.labels.numpy().data, checksum)
        return zlib.crc32(self.images.numpy().data, checksum)
