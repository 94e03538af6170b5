"""Data set of pictures with captions: a caption a row, its picture beside it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import DataError
from .preparation import Preparation
from .ragged import Ragged
from .reader import LabelledImages
from .sequence_set import IGNORED


class CaptionedSequences:
    """Captions and what they are about. Captions have begin and end already.

    Inputs ``(pictures (count, *shape), y_0 .. y_T-1 (count, time), lengths)``, targets ``y_1 .. y_T``, padding
    `IGNORED`.

    Args:
        images: the pictures; each may have several captions.
        preparation: makes the network's input of them.
        pictures: int64 (rows,), the picture of each caption.
        captions: (rows,) of symbols.

    Raises:
        DataError: different numbers of pictures and captions, or a caption without begin and end.
    """

    unit = "token"

    def __init__(self, images: LabelledImages, preparation: Preparation, pictures: Tensor, captions: Ragged) -> None:
        if len(pictures) != len(captions):
            message = f"there are {len(pictures)} places of pictures but {len(captions)} captions"
            raise DataError(message, hint="give one a caption")
        if (captions.lengths < 2).any():
            raise DataError("a caption has no begin and end", hint="encode it with both")
        self.images, self.preparation, self.pictures, self.captions = images, preparation, pictures, captions
        self._before, self._after = captions.without_last(), captions.without_first()
        self.lengths = self.counts = self._before.lengths

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        shown, place = self.pictures[indices].unique(return_inverse=True)
        images = self.preparation(self.images.batch(shown))[place]
        return (images, *self._before.padded(indices)), self._after.padded(indices, IGNORED)[0]

    def fingerprint(self) -> int:
        return Ragged.from_rows([self.pictures]).fingerprint(self.captions.fingerprint(self.images.fingerprint()))


def indicated(captions: Ragged, pictures: Tensor, count: int, symbols: int) -> Tensor:
    """Which of the first ``symbols`` symbols occur in any caption of each of ``count`` pictures: int64, 0 or 1."""
    found = torch.zeros(count, symbols, dtype=torch.int64)
    for picture, row in zip(pictures.tolist(), range(len(captions))):
        own = captions[row]
        found[picture, own[own < symbols]] = 1
    return found
