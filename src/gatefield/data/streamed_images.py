"""Labelled images that stay on disk and are decoded a batch at a time by several threads."""

from __future__ import annotations

import functools
import os
import pathlib
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import torch
from torch import Tensor

from ..core.errors import DataError
from .decode import decode


class ImageFiles:
    """Labelled image files, too many to keep in memory.

    Decoding releases the interpreter's lock, so threads do it in parallel; no processes are needed.

    Args:
        root: the folder that messages and the checksum leave out.
        paths: the files, one an image.
        labels: whole numbers (count,).
        shape: (channels, height, width) that every image is decoded to.
        resize: whether files of another size are scaled; otherwise they are an error.

    Raises:
        DataError: the counts of files and labels differ.
    """

    def __init__(
        self,
        root: pathlib.Path,
        paths: Sequence[pathlib.Path],
        labels: Tensor,
        shape: tuple[int, int, int],
        resize: bool = True,
    ) -> None:
        if len(paths) != len(labels):
            raise DataError(f"{root}: {len(paths)} files but {len(labels)} labels", hint="give one label a file")
        self.root, self.paths, self.labels, self.shape, self.resize = root, paths, labels.to(torch.int64), shape, resize

    def __len__(self) -> int:
        return len(self.paths)

    def batch(self, indices: Tensor) -> Tensor:
        """The images at ``indices`` (int64, any order), uint8.

        Raises:
            DataError: a file vanished, is damaged, or has another size; the first of the batch is named.
        """
        out = torch.zeros(len(indices), *self.shape, dtype=torch.uint8)
        with _threads() as threads:
            chosen = [self.paths[index] for index in indices.tolist()]
            for row, pixels in enumerate(threads.map(self._decode, chosen)):
                out[row] = pixels
        return out

    def damaged(self) -> dict[int, DataError]:
        """Which images cannot be decoded, and why; reads every file."""
        with _threads() as threads:
            errors = threads.map(self._try, self.paths)
            return {index: error for index, error in enumerate(errors) if error is not None}

    def source(self, index: int) -> str:
        """The path of image ``index``."""
        return str(self.paths[index])

    def subset(self, indices: Tensor) -> Self:
        """Those files only, in that order."""
        paths = [self.paths[index] for index in indices.tolist()]
        return type(self)(self.root, paths, self.labels[indices], self.shape, self.resize)

    def fingerprint(self) -> int:
        """A checksum over paths below the root, file sizes, labels and shape; the pixels are not read."""
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> int:
        checksum = zlib.crc32(repr((self.shape, self.resize, self.labels.tolist())).encode())
        for path in self.paths:
            try:
                size = path.stat().st_size
            except FileNotFoundError as error:
                raise DataError(f"there is no image file {path}", hint="was it deleted while in use?") from error
            checksum = zlib.crc32(f"{path.relative_to(self.root).as_posix()} {size}\n".encode(), checksum)
        return checksum

    def _try(self, path: pathlib.Path) -> DataError | None:
        try:
            decode(path, self.shape[0])
        except DataError as error:
            return error
        return None

    def _decode(self, path: pathlib.Path) -> Tensor:
        channels, *size = self.shape
        pixels = decode(path, channels, (size[0], size[1]) if self.resize else None)
        if pixels.shape != self.shape:
            raise DataError(
                f"{path} has {pixels.shape[1]} x {pixels.shape[2]} pixels, other images {size[0]} x {size[1]}",
                hint="scale all to one size, for example data.size=64",
            )
        return pixels


def _threads() -> ThreadPoolExecutor:
    """As many threads as processors, for one batch: nothing is left running, and nothing is lost by a fork."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode")
