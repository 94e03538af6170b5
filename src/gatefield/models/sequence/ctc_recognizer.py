"""The recognizer that needs no alignment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import PositiveInt, Probability
from ...core.configurable import Spec, named
from ...core.errors import ArgumentError
from ...functional.lengths import blank, row_ends
from ...layers.encoders.encoder import Encoder, check_features
from ..model import Model, SequenceExample


class Recognition(NamedTuple):
    """What is said in each frame.

    Attributes:
        log_probabilities: (batch, frames, classes), class 0 the blank.
        lengths: int64 (batch,), frames of each row: ceil(n / stride) of n after each convolution.
    """

    log_probabilities: Tensor
    lengths: Tensor


class CTCRecognizer(Model):
    """Frames in, symbols out, fewer and at unknown places: y_t = softmax(W h_t + b), trained by CTC.

        h = encoder(front(x)),   front: convolutions with strides over time, so that a frame of h is several of x

    Args:
        features: numbers a frame of the input.
        classes: symbols there are, the blank (0) among them.
        encoder: what reads the frames.
        strides: of the convolutions before it; [2, 2] makes one frame of four; []: there are none.
        channels: of the convolutions.
        kernel_size: frames that each convolution sees; odd.
        dropout: of what the encoder reads and of what it makes.

    Raises:
        ArgumentError: an even kernel.

    Source: Graves et al. (2006); S4 "temporal classification" (catalogue 169). The front: Amodei et al. (2016),
    section 3.5. Departs from the papers: nowhere, with ``strides=[]`` and a bidirectional LSTM.
    """

    name = "ctc-recognizer"
    reference = "graves2006"
    output = "ctc"

    def __init__(
        self,
        features: PositiveInt,
        classes: PositiveInt,
        encoder: Spec[Encoder] = named("bidirectional"),
        strides: list[PositiveInt] = [],  # noqa: B006 - never changed; configurations are lists
        channels: PositiveInt = 128,
        kernel_size: PositiveInt = 5,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            message = f"a kernel of {kernel_size} frames has no middle"
            raise ArgumentError(message, hint="give an odd number", path=("kernel_size",))
        front, size = OrderedDict[str, nn.Module](), features
        for number, stride in enumerate(strides):
            front[f"conv{number + 1}"] = nn.Conv1d(size, channels, kernel_size, stride, padding=kernel_size // 2)
            size = channels
        self.front, self.features = nn.Sequential(front), features
        self.dropout = nn.Dropout(dropout)
        self.encoder: Encoder = encoder.build(features=size)
        self.classifier = nn.Linear(self.encoder.width, classes)

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        def frames(generator: torch.Generator) -> tuple[Tensor, ...]:
            return torch.randn(4, 9, 3, generator=generator, dtype=torch.float64), torch.tensor([5, 9, 0, 2])

        both = {"name": "recurrent", "cell": "lstm", "hidden": [4], "bidirectional": True}
        front = {"strides": [2, 2], "channels": 4, "kernel_size": 3}
        return [
            SequenceExample({"features": 3, "classes": 4, "encoder": both}, frames),
            SequenceExample({"features": 3, "classes": 4, "encoder": both, **front}, frames),
        ]

    def forward(self, x: Tensor, lengths: Sequence[int] | Tensor | None = None) -> Recognition:
        """Log-probabilities of the symbols in each frame.

        Args:
            x: (batch, time, features).
            lengths: frames of each row, in any order, 0 allowed; None: all.

        Raises:
            InputError: shapes or lengths that do not fit.
        """
        check_features(x, 3, self.features)
        batch, time = x.shape[:2]
        ends = row_ends(lengths, batch, time, x.device)
        x = blank(x, ends)
        for conv in self._front:
            ends = -(-ends // conv.stride[0])
            if time == 0:
                x = x.new_zeros(batch, 0, conv.out_channels)
                continue
            x = blank(F.relu(conv(x.transpose(1, 2))).transpose(1, 2), ends)
        h, _ = self.encoder(self.dropout(x), ends)
        return Recognition(self.classifier(self.dropout(h)).log_softmax(-1), ends)

    @property
    def _front(self) -> list[nn.Conv1d]:
        return cast(list[nn.Conv1d], list(self.front))
