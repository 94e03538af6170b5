"""Forecasting fields: from the frames of a film to those that follow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ...core.configurable import Spec, named
from ...core.errors import ArgumentError, InputError
from ...functional.lengths import last_steps, row_ends
from ...recurrent import Cell, Recurrent
from ..model import Model, SequenceExample


class FieldForecaster(Model):
    """An encoder reads frames, a forecaster that begins with its states writes those that follow.

        S_t = encoder(X_t, S_(t-1)),          t = 1 .. T
        S_t = forecaster(Y_(t-1), S_(t-1)),   t = T+1 .. T+n,   Y_T = X_T
        Y_t = g(W * [H_t^1 .. H_t^L] + b)

    The states of all levels are concatenated and become a frame, by a 1 x 1 convolution where the cell has convolutions
    (ConvLSTM, ConvGRU), by a matrix where it is one on vectors, which reads every frame as a row of pixels (the
    fully connected LSTM of the paper). Convolutions may see a frame in patches, whose pixels become channels.

    Args:
        size: channels, height and width of a frame.
        horizon: n, frames to write.
        cell: of all levels, one on pictures or one on vectors.
        hidden: channels, or units, of each level from the input up; the same in encoder and forecaster.
        patch: height and width of a patch; the frame is as many times smaller, and its channels patch^2 as many.
        output: g: "frames", pixels in [0, 1], logistic; or "linear".

    Raises:
        ArgumentError: no level, a cell that reads something else, or patches that do not fit.

    Source: Shi et al. (2015), section 3.2 and figure 3; patches: section 4.1 (catalogue 224). Departs from the
    paper: the forecaster reads the frame it wrote last, as the conditional decoder of Srivastava, Mansimov and
    Salakhutdinov (2015), section 2.2.
    """

    name = "field-forecaster"
    reference = "shi2015"

    def __init__(
        self,
        size: tuple[PositiveInt, PositiveInt, PositiveInt],
        horizon: PositiveInt,
        cell: Spec[Cell] = named("conv-lstm"),
        hidden: Sequence[PositiveInt] = (32, 32),
        patch: PositiveInt = 1,
        output: Literal["frames", "linear"] = "frames",
    ) -> None:
        super().__init__()
        if not hidden:
            raise ArgumentError("there is no level", hint="give the channels of each", path=("hidden",))
        channels, height, width = size
        if height % patch or width % patch:
            message = f"patches of {patch} x {patch} do not fill a frame of {height} x {width}"
            raise ArgumentError(message, hint="give a divisor of height and width", path=("patch",))
        self.size, self.horizon, self.output, self.patch = tuple(size), horizon, output, patch
        self._seen = channels * patch * patch, height // patch, width // patch  # the size of a frame in patches
        self.encoder, self.forecaster = (Recurrent(self._levels(cell, hidden)) for _ in range(2))
        first = self.encoder.directions[0].cell
        self.on_vectors = len(first.input_shape) == 1
        if self.on_vectors and patch > 1:
            message = f"a cell '{first.name}' reads rows of pixels, and no patches"
            raise ArgumentError(message, hint="leave patch out, or choose conv-lstm", path=("patch",))
        known = sum(hidden)
        self.head = nn.Linear(known, math.prod(size)) if self.on_vectors else nn.Conv2d(known, self._seen[0], 1)

    def _levels(self, cell: Spec[Cell], hidden: Sequence[int]) -> list[Cell | nn.Module]:
        channels, *area = self._seen
        levels: list[Cell | nn.Module] = []
        for k, width in enumerate(hidden):
            below = hidden[k - 1] if k else channels
            pixels = hidden[k - 1] if k else math.prod(self.size)
            built = cell.build(input_channels=below, hidden_channels=width, input_size=pixels, hidden_size=width)
            reads = built.input_shape
            fits = reads == (pixels,) or (
                len(reads) == 3 and all(own in (None, given) for own, given in zip(reads, (below, *area)))
            )
            if not fits or list(built.state_shapes((below, *area)).values())[built.emitted][0] != width:
                message = f"a cell '{built.name}' does not read frames of {' x '.join(map(str, self.size))}"
                raise ArgumentError(message, hint="choose conv-lstm, conv-gru, lstm or gru", path=("cell",))
            levels.append(built)
        return levels

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        def film(generator: torch.Generator) -> tuple[Tensor, ...]:
            return torch.rand(4, 5, 1, 3, 4, generator=generator), torch.tensor([3, 5, 0, 1])

        def small(generator: torch.Generator) -> tuple[Tensor, ...]:
            return torch.rand(4, 3, 1, 4, 2, generator=generator), torch.tensor([3, 1, 0, 2])

        fields = {"size": (1, 3, 4), "horizon": 3}
        return [
            SequenceExample({**fields, "hidden": [2, 3]}, film),
            SequenceExample({**fields, "cell": {"name": "conv-gru"}, "hidden": [2], "output": "linear"}, film),
            SequenceExample({**fields, "cell": "lstm", "hidden": [3, 2]}, film),
            SequenceExample({**fields, "size": (1, 4, 2), "hidden": [2], "patch": 2}, small),
        ]

    def forward(self, x: Tensor, lengths: Sequence[int] | Tensor | None = None) -> Tensor:
        """The frames that follow the last one of each row, before g.

        Args:
            x: (batch, time, channels, height, width).
            lengths: frames of each row, in any order, 0 allowed; None: all.

        Returns:
            (batch, horizon, channels * height * width): the pixels of a frame in a row, as its objective takes them.

        Raises:
            InputError: frames of another size, or lengths that do not fit.
        """
        if x.dim() != 5 or tuple(x.shape[2:]) != self.size:
            hint = f"give (batch, time, {', '.join(map(str, self.size))})"
            raise InputError(f"the frames have the shape {tuple(x.shape)}", hint=hint)
        frames: Tensor = x.flatten(2) if self.on_vectors else self._in_patches(x)
        _, state = self.encoder(frames, None, lengths)
        ends = row_ends(lengths, x.shape[0], x.shape[1], x.device)
        y, written = last_steps(frames, ends, 1)[:, 0], []
        for _ in range(self.horizon):
            _, state = self.forecaster.step(y, state)
            written.append(self.head(self._emitted(state)))
            y = written[-1].sigmoid() if self.output == "frames" else written[-1]
        forecast = torch.stack(written, 1)
        return forecast.flatten(2) if self.on_vectors else self._in_pixels(forecast).flatten(2)

    def _in_patches(self, x: Tensor) -> Tensor:
        """(..., channels, height, width) as (..., channels * patch^2, height / patch, width / patch).

        `torch.nn.functional.pixel_unshuffle`, which leaves a batch without rows as it is, in a form that does not.
        """
        p = self.patch
        squares = x.reshape(*x.shape[:-2], x.shape[-2] // p, p, x.shape[-1] // p, p)
        return squares.movedim((-3, -1), (-4, -3)).flatten(-5, -3)

    def _in_pixels(self, z: Tensor) -> Tensor:
        """What `_in_patches` was given."""
        p = self.patch
        return z.unflatten(-3, (self.size[0], p, p)).movedim((-4, -3), (-3, -1)).flatten(-4, -3).flatten(-2, -1)

    def _emitted(self, state: Any) -> Tensor:
        """[H^1 .. H^L] of one step, along the channels."""
        directions = self.forecaster.directions
        return torch.cat([part[direction.cell.emitted] for part, direction in zip(state, directions)], 1)
