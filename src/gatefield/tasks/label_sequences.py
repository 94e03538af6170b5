"""Recordings and their texts as labels, as connectionist temporal classification learns from them."""

from __future__ import annotations

from torch import Tensor

from ..data.ragged import Ragged
from ..data.sequence_set import IGNORED, TranscribedSequences


class LabelSequences(TranscribedSequences):
    """As the objective CTC wants them: one target that counts a label, padding `IGNORED`."""

    unit = "label"

    def __init__(self, rows: Ragged, texts: Ragged) -> None:
        super().__init__(rows, texts)
        self.counts = texts.lengths.clamp(min=1)  # a recording of nothing must not make an empty batch

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        return self.rows.padded(indices), self.texts.padded(indices, IGNORED)[0]
