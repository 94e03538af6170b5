"""One answer at every step: many to many, synchronous."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...core.configurable import Spec, named
from ...layers.encoders.encoder import Encoder
from ..model import Model, SequenceExample


class SequencePredictor(Model):
    """A vector at every step of a sequence: y_t = g(W h_t + b), h = encoder(x_1 .. x_T).

    The next frame of a piano roll, for example, from those before it. It carries its state, and goes on step by step
    where the encoder reads forward only.

    Args:
        features: numbers a step of the input.
        classes: numbers a step of the output.
        encoder: what reads the sequence.
        dropout: of what the encoder makes.
        output: g: "frames", units that are on or off by themselves, logistic; "softmax", one of n; "linear".

    Source: S4 "many to many" (catalogue 165); piano rolls: Boulanger-Lewandowski, Bengio and Vincent (2012).
    Departs from the paper: the notes of a frame are independent given the frames before it.
    """

    name = "sequence-predictor"
    reference = "boulanger2012"
    returns_state = True

    def __init__(
        self,
        features: PositiveInt,
        classes: PositiveInt,
        encoder: Spec[Encoder] = named("recurrent"),
        dropout: Probability = 0.0,
        output: Literal["frames", "softmax", "linear"] = "frames",
    ) -> None:
        super().__init__()
        self.output = output
        self.encoder: Encoder = encoder.build(features=features)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.encoder.width, classes)

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        def vectors(generator: torch.Generator) -> tuple[Tensor, ...]:
            return torch.randn(4, 6, 3, generator=generator, dtype=torch.float64), torch.tensor([6, 2, 5, 0])

        stack = {"name": "recurrent", "cell": ["lstm", "gru"], "hidden": [4, 3], "dropout": 0.2}
        tcn = {"name": "tcn", "channels": [4, 4], "kernel_size": 2}
        attending = {"name": "transformer", "width": 4, "heads": 2, "layers": 1}
        return [
            SequenceExample({"features": 3, "classes": 5, "encoder": stack}, vectors),
            SequenceExample({"features": 3, "classes": 2, "encoder": tcn, "output": "softmax"}, vectors),
            SequenceExample({"features": 3, "classes": 2, "encoder": attending, "output": "linear"}, vectors),
        ]

    def forward(
        self, x: Tensor, lengths: Sequence[int] | Tensor | None = None, state: Any = None
    ) -> tuple[Tensor, Any]:
        """W h_t + b of every step, before g.

        Args:
            x: (batch, time, features).
            lengths: steps of each row, in any order, 0 allowed; None: all.
            state: what went before, as a former call returned it; None: nothing.

        Returns:
            (batch, time, classes), which mean nothing beyond a row's length, and the state after each row's last step.

        Raises:
            InputError: shapes or lengths that do not fit.
        """
        h, state = self.encoder(x, lengths, state)
        return self.classifier(self.dropout(h)), state

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step (batch, features) of every row: what `forward` does with one step of time.

        Raises:
            ArgumentError: an encoder that looks ahead.
            InputError: wrong shapes.
        """
        h, state = self.encoder.step(x, state)
        return self.classifier(self.dropout(h)), state
