"""The classifier of sequences: many to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...core.configurable import Spec, named
from ...core.errors import ArgumentError, InputError
from ...layers.encoders.encoder import Encoder
from ...layers.readout import Readout, ReadoutName
from ...layers.token_embedding import TokenEmbedding
from ..model import Model, SequenceExample


class SequenceClassifier(Model):
    """One class for a whole sequence: y = softmax(W readout(encoder(x_1 .. x_T)) + b).

    With the encoder "convolution" and the readout "max" it is Kim's sentence classifier; with a bidirectional recurrent
    one and "last" the classifier of the decks; with "attention" the upper half of hierarchical attention networks.

    Args:
        classes: how many.
        vocabulary: symbols there are, where a sequence is one of symbols; or
        features: numbers a step, where it is one of vectors.
        embedding: numbers a symbol; None: one of n; left alone for vectors.
        encoder: what reads the sequence.
        readout: what becomes of its outputs: the last of them, their mean, their maximum, or a mean weighted by
            attention.
        dropout: of what the encoder reads, and of what is read out.

    Raises:
        ArgumentError: both a vocabulary and features, or neither.

    Source: S4 "sequence classification" (catalogue 165, 167); Kim (2014). Departs from the paper: nowhere.
    """

    name = "sequence-classifier"
    reference = "kim2014"

    def __init__(
        self,
        classes: PositiveInt,
        vocabulary: PositiveInt | None = None,
        features: PositiveInt | None = None,
        embedding: PositiveInt | None = 128,
        encoder: Spec[Encoder] = named("recurrent"),
        readout: ReadoutName = "last",
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        if (vocabulary is None) == (features is None):
            message = "a sequence is one of symbols or one of vectors"
            raise ArgumentError(message, hint="give either vocabulary or features", path=("vocabulary",))
        self.embedding = None if vocabulary is None else TokenEmbedding(vocabulary, embedding)
        self.dropout = nn.Dropout(dropout)
        self.reader = Readout(encoder, features or self.embedding.width, readout)  # pyright: ignore[reportOptionalMemberAccess]
        self.classifier = nn.Linear(self.reader.width, classes)

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        def tokens(generator: torch.Generator) -> tuple[Tensor, ...]:
            return torch.randint(6, (4, 7), generator=generator), torch.tensor([3, 7, 0, 1])

        def vectors(generator: torch.Generator) -> tuple[Tensor, ...]:
            return torch.randn(4, 6, 3, generator=generator, dtype=torch.float64), torch.tensor([6, 2, 5, 0])

        both = {"name": "recurrent", "cell": "gru", "hidden": [4], "bidirectional": True}
        kim = {"name": "convolution", "kernel_sizes": [2, 3], "channels": 3}
        tcn = {"name": "tcn", "channels": [4, 4]}
        return [
            SequenceExample({"classes": 3, "vocabulary": 6, "embedding": 4, "encoder": both}, tokens),
            SequenceExample({"classes": 2, "vocabulary": 6, "embedding": 4, "encoder": kim, "readout": "max"}, tokens),
            SequenceExample({"classes": 2, "features": 3, "encoder": tcn, "readout": "mean"}, vectors),
            SequenceExample({"classes": 2, "features": 3, "encoder": both, "readout": "attention"}, vectors),
        ]

    @classmethod
    def standard(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"classes": 2} if {"vocabulary", "features"} & arguments.keys() else {"classes": 2, "vocabulary": 10_000}

    def forward(self, x: Tensor, lengths: Sequence[int] | Tensor | None = None) -> Tensor:
        """Logits (batch, classes).

        Args:
            x: symbols (batch, time), int64, or vectors (batch, time, features).
            lengths: steps of each row, in any order, 0 allowed; None: all.

        Raises:
            InputError: shapes, symbols or lengths that do not fit.
        """
        if self.embedding is not None:
            if x.dim() != 2:
                raise InputError(f"the symbols have shape {tuple(x.shape)}", hint="give (batch, time)")
            x = self.embedding(x)
        return self.classifier(self.dropout(self.reader(self.dropout(x), lengths)))
