"""Tagged sentences whose words are known by their letters too."""

from __future__ import annotations

import torch
from torch import Tensor

from .ragged import Ragged
from .sequence_set import TaggedSequences


class LetteredSentences(TaggedSequences):
    """One tag a word. Inputs ``(words (count, time), lengths, letters (count, time, longest word))``, padding 0.

    Args:
        rows: the words of each sentence.
        tags: the tag of each word.
        letters: the letters of each word, a row each, in the order of ``rows.flat``.

    Raises:
        DataError: see `TaggedSequences`.
    """

    def __init__(self, rows: Ragged, tags: Ragged, letters: Ragged) -> None:
        super().__init__(rows, tags)
        self.letters = letters

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        (words, lengths), tags = super().batch(indices)
        time = torch.arange(words.shape[1])
        inside = time < lengths[:, None]
        numbers = (self.rows.starts[indices][:, None] + time)[inside]
        spelled, _ = self.letters.padded(numbers)
        letters = spelled.new_zeros(*words.shape, spelled.shape[1])
        letters[inside] = spelled
        return (words, lengths, letters), tags

    def fingerprint(self) -> int:
        return self.letters.fingerprint(super().fingerprint())
