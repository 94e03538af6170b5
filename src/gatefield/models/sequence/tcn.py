"""The temporal convolutional network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...functional.map_rows import map_rows
from ...layers.encoders.tcn import TemporalConvolutionEncoder
from ..model import Model, SequenceExample


class TCN(Model):
    """Temporal convolutional network: residual blocks of causal convolutions with dilations 1, 2, 4, ...

        output, state = tcn(x, lengths=[5, 3, 0])

    One output a step, which depends on the present and the last `receptive_field` - 1 steps. It keeps the contract of
    recurrent layers: batch first, rows of any length, a state to go on from, and single steps.

    Args:
        features: numbers a step of the input.
        classes: numbers a step of the output.
        channels: of each block; block i has dilation 2^(i - 1).
        kernel_size: of all convolutions; at least 2.
        dropout: chance in [0, 1) that a channel is silent during training, for all of time.
        output: the output unit.

    Raises:
        ArgumentError: no block, or a kernel that sees the present only.

    Source: Bai, Kolter and Koltun (2018), section 3 and figure 1 (catalogue 80). Departs from the paper: first weights
    are He's, not N(0, 0.01^2).
    """

    name = "tcn"
    reference = "bai2018"
    returns_state = True

    def __init__(
        self,
        features: PositiveInt,
        classes: PositiveInt,
        channels: list[PositiveInt] = [25] * 8,
        kernel_size: PositiveInt = 7,
        dropout: Probability = 0.0,
        output: Literal["softmax", "sigmoid", "linear"] = "softmax",
    ) -> None:
        super().__init__()
        self.output = output
        self.encoder = TemporalConvolutionEncoder(features, channels, kernel_size, dropout)
        self.classifier = nn.Linear(self.encoder.width, classes)

    @classmethod
    def standard(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Pixels of a digit, one at a time (section 4.2)."""
        return {"features": 1, "classes": 10}

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        def rows(features: int) -> Any:
            def make(generator: torch.Generator) -> tuple[Tensor, ...]:
                return torch.randn(4, 6, features, generator=generator), torch.tensor([6, 2, 0, 5])

            return make

        return [
            SequenceExample({"features": 3, "classes": 2, "channels": [4, 4, 5], "kernel_size": 3}, rows(3)),
            SequenceExample(
                {"features": 1, "classes": 1, "channels": [3], "kernel_size": 2, "output": "linear"}, rows(1)
            ),
        ]

    @property
    def receptive_field(self) -> int:
        """Steps that one output depends on: 1 + 2 (k - 1) (2^L - 1) for L blocks."""
        return self.encoder.receptive_field

    def forward(
        self, x: Tensor, lengths: Sequence[int] | Tensor | None = None, state: Any = None
    ) -> tuple[Tensor, Any]:
        """Run over a batch of sequences.

        Args:
            x: (batch, time, features).
            lengths: steps of each row, in any order, 0 allowed; None: all.
            state: what went before, as a former call returned it; None: zeros.

        Returns:
            The output (batch, time, classes), zero beyond a row's length, and the state after each row's last step:
            for each block what its two convolutions still remember, (batch, channels, reach).

        Raises:
            InputError: shapes or lengths that do not fit.
        """
        h, after = self.encoder(x, lengths, state)
        return map_rows(self.classifier, h, lengths), after

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step (batch, features) of every row, for streaming: what `forward` does with one step of time.

        Raises:
            InputError: wrong shapes, or a network in training that draws dropout masks for whole sequences.
        """
        h, after = self.encoder.step(x, state)
        return self.classifier(h), after
