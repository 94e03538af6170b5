"""The convolutional encoder that looks both ways."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ...core.errors import ArgumentError, InputError
from ...functional.lengths import blank, row_ends
from .encoder import Encoder, EncoderExample, Lengths


class ConvolutionEncoder(Encoder):
    """One layer of filters of several lengths, side by side: y_t = relu(W * x_(t - (k-1)//2 .. t + k//2) + b).

    With the maximum over time it is the convolutional sentence classifier; over the letters of a word, the character
    features of taggers.

    Args:
        features: numbers a step of the input.
        kernel_sizes: k, steps that each group of filters sees.
        channels: filters of each length.

    Raises:
        ArgumentError: there is no kernel.

    Source: Kim (2014), section 2. Departs from the paper: a sentence is padded by zeros, so that there is one output a
    step however short it is.
    """

    name = "convolution"
    reference = "kim2014"

    def __init__(
        self,
        features: PositiveInt,
        kernel_sizes: list[PositiveInt] = [3, 4, 5],  # noqa: B006 - never changed; configurations are lists
        channels: PositiveInt = 100,
    ) -> None:
        super().__init__()
        if not kernel_sizes:
            raise ArgumentError("there are no kernels", hint="give the length of each", path=("kernel_sizes",))
        self.features, self.width, self.causal = features, channels * len(kernel_sizes), False
        self.filters = nn.ModuleList(nn.Conv1d(features, channels, size) for size in kernel_sizes)

    @classmethod
    def examples(cls) -> list[EncoderExample]:
        return [
            EncoderExample({"features": 3, "kernel_sizes": [2, 3], "channels": 4}),
            EncoderExample({"features": 1, "kernel_sizes": [5], "channels": 2}),
        ]

    def forward(self, x: Tensor, lengths: Lengths | None = None, state: Any = None) -> tuple[Tensor, Any]:
        self.check(x, 3)
        if state is not None:
            raise InputError("this encoder has no state to go on from", hint="leave the state out")
        batch, time = x.shape[:2]
        if not batch or not time:
            return x.new_zeros(batch, time, self.width), None
        ends = row_ends(lengths, batch, time, x.device)
        x = x if lengths is None else blank(x, ends)
        outputs = []
        for filters in cast(list[nn.Conv1d], self.filters):
            (size,) = filters.kernel_size
            outputs.append(F.relu(filters(F.pad(x.transpose(1, 2), ((size - 1) // 2, size // 2)))))
        y = torch.cat(outputs, 1).transpose(1, 2)
        return y if lengths is None else blank(y, ends), None
