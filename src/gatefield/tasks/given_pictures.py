"""The pictures that a user gives to a trained network."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from torch import Tensor

from ..data.decode import decode
from ..data.image_files import find_images


class GivenPicture(NamedTuple):
    """A picture, and what it is called in the answer.

    Attributes:
        name: of its file.
        source: the file, or its content.
    """

    name: str
    source: pathlib.Path | bytes

    def pixels(self, channels: int, size: tuple[int, int] | None = None) -> Tensor:
        """Its pixels, uint8 (channels, height, width); see `data.decode.decode`."""
        return decode(self.source, channels, size, self.name)


def given_pictures(inputs: Iterable[Any]) -> Iterator[GivenPicture]:
    """Each of ``inputs``: the path of a picture; of a folder, which stands for those below it; or a file's content.

    Raises:
        DataError: a path is missing, or a folder holds no picture.
    """
    for given in inputs:
        for source in [given] if isinstance(given, bytes) else find_images(pathlib.Path(given)):
            yield GivenPicture("<bytes>" if isinstance(source, bytes) else str(source), source)
