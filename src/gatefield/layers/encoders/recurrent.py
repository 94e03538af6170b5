"""The recurrent encoder."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from ...core.arguments import PositiveInt, Probability
from ...core.configurable import Spec, named
from ...core.errors import ArgumentError
from ...recurrent import Cell, Recurrent
from .encoder import Encoder, EncoderExample, Lengths, at


class RecurrentEncoder(Encoder):
    """Any cell run over time, or a stack of cells: h_t = step(x_t, h_{t-1}).

    Args:
        features: numbers a step of the input.
        cell: which one, by name and arguments; or a list of them, one for each level.
        hidden: units of each level, from the input up.
        bidirectional: every level also reads from the last step to the first; the width is twice as large.
        dropout: of what a level hands to the next.
        variational: that dropout has one mask for all steps of a sequence.
        recurrent_dropout: of the state where it meets the recurrent weights, one mask a sequence.
        zoneout: chance that a unit keeps its state; one number, or state -> number.
        residual: every level but the first adds its input to its output.
        initial_state: before the first step: "zero", "constant" (0.5), another number, or "learned".
        checkpoint: keep sqrt(T) states for the backward pass and compute the rest again.

    Raises:
        ArgumentError: as many cells as there are no levels, a cell that does not read vectors, or an option that could
            do nothing.

    Source: Elman (1990) and catalogue 149-151; options as of `gatefield.recurrent.Recurrent`. Departs from the paper:
    nowhere.
    """

    name = "recurrent"
    reference = "elman1990"
    presets = {"bidirectional": {"bidirectional": True}}  # noqa: RUF012

    def __init__(
        self,
        features: PositiveInt,
        cell: Spec[Cell] | list[Spec[Cell]] = named("lstm"),
        hidden: list[PositiveInt] = [128],  # noqa: B006 - never changed; configurations are lists
        bidirectional: bool = False,
        dropout: Probability = 0.0,
        variational: bool = False,
        recurrent_dropout: Probability = 0.0,
        zoneout: Probability | dict[str, Probability] = 0.0,
        residual: bool = False,
        initial_state: Literal["zero", "constant", "learned"] | float = "zero",
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        cells = cell if isinstance(cell, list) else [cell] * len(hidden)
        if not hidden or len(cells) != len(hidden):
            message = f"{len(cells)} cells for {len(hidden)} levels"
            raise ArgumentError(message, hint="give one cell for all levels, or one for each", path=("cell",))
        levels, size = [], features
        for spec, units in zip(cells, hidden):
            built = spec.build(input_size=size, hidden_size=units)
            if built.input_shape != (size,):
                message = f"a cell '{built.name}' cannot read steps of {size} numbers"
                raise ArgumentError(message, hint="choose a cell on vectors: lstm, gru, ...", path=("cell",))
            levels.append(built)
            (own,) = list(built.state_shapes((size,)).values())[built.emitted]
            size = own * (2 if bidirectional else 1)
        self.features, self.width, self.causal = features, size, not bidirectional
        self.layer: Recurrent = Recurrent(
            levels,
            bidirectional=bidirectional,
            dropout=dropout,
            variational=variational,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            residual=residual,
            initial_state=initial_state,
            checkpoint=checkpoint,
        )

    @classmethod
    def examples(cls) -> list[EncoderExample]:
        return [
            EncoderExample({"features": 3, "cell": "gru", "hidden": [4, 5]}),
            EncoderExample({"features": 2, "hidden": [3], "bidirectional": True, "initial_state": "learned"}),
            EncoderExample({"features": 3, "cell": ["elman", "lstm"], "hidden": [4, 4], "residual": True}),
        ]

    def forward(self, x: Tensor, lengths: Lengths | None = None, state: Any = None) -> tuple[Tensor, Any]:
        self.check(x, 3)
        return self.layer(x, state, lengths)

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        self.check_steps()
        self.check(x, 2)
        return self.layer.step(x, state)

    def summary(self, output: Tensor, ends: Tensor) -> Tensor:
        """The last step of what reads forward; of what reads backward the first, where it has seen the whole row."""
        if self.causal:
            return super().summary(output, ends)
        forward, backward = output.chunk(2, 2)
        return torch.cat([at(forward, ends - 1), at(backward, ends.clamp(max=1) - 1)], 1)
