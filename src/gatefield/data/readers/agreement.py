"""Generated sentences whose verbs agree with their subjects: nothing to fetch."""

from __future__ import annotations

import pathlib
from typing import Self

from ...core.arguments import NonNegativeInt, PositiveInt
from ..corpus import Parts
from ..reader import RunningTextReader
from ..synthetic.agreement import agreement_sentences


class Agreement(RunningTextReader):
    """Sentences like "the dog near the old houses is quiet .", one a document, words and signs between spaces.

    Between subject and verb stand nouns of either number; what a network makes of that, ``gatefield probe`` tells.
    A tenth of the sentences is for validation.

    Args:
        count: training sentences.
        attractors: most nouns between subject and verb.
        seed: of the sentences.
    """

    name = "agreement"
    licence = "none: generated"
    reference = "catalogue 186"

    def __init__(self, count: PositiveInt = 10000, attractors: NonNegativeInt = 3, seed: NonNegativeInt = 0) -> None:
        self.count, self.attractors, self.seed = count, attractors, seed

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """Forty sentences."""
        return cls(count=40)

    def read(self) -> Parts[str]:
        """Training and validation part, a document a sentence."""
        held_out = max(1, self.count // 10)
        sentences = agreement_sentences(self.count + held_out, self.attractors, self.seed)
        return Parts(sentences[: self.count], sentences[self.count :], None)
