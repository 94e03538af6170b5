"""What becomes of a sequence when one answer is wanted: many to one."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ..core.configurable import Spec
from ..functional.lengths import inside, row_ends
from .encoders.encoder import Encoder, Lengths

ReadoutName = Literal["last", "mean", "max", "attention"]


class Readout(nn.Module):
    """An encoder and one vector for each row of what it makes of a sequence.

        last        what the encoder knows at the end: h_T; of one that reads both ways, the end of each
        mean        (1/T) sum_t h_t
        max         max_t h_t, feature by feature
        attention   sum_t a_t h_t,  a = softmax(v . tanh(V h_t + b))

    A row of no steps gives zeros.

    Args:
        encoder: which one.
        features: numbers a step of the input.
        kind: one of these.

    Attributes:
        width: numbers of the vector.

    Source: last: Cho et al. (2014); max: Kim (2014), section 2; attention: Yang et al. (2016), equations 5-7.
    """

    def __init__(self, encoder: Spec[Encoder], features: int, kind: ReadoutName) -> None:
        super().__init__()
        self.encoder: Encoder = encoder.build(features=features)
        self.kind, self.width = kind, self.encoder.width
        if kind == "attention":
            self.V = nn.Linear(self.width, self.width)
            self.v = nn.Linear(self.width, 1, bias=False)

    def forward(self, x: Tensor, lengths: Lengths | None = None) -> Tensor:
        """(batch, time, features) to (batch, width)."""
        batch, time = x.shape[:2]
        h, _ = self.encoder(x, lengths)  # zero beyond a row's length
        ends = row_ends(lengths, batch, time, x.device)
        if self.kind == "last":
            return self.encoder.summary(h, ends)
        if time == 0:
            return h.new_zeros(batch, self.width)
        if self.kind == "mean":
            return h.sum(1) / ends.clamp(min=1)[:, None]
        within = inside(ends, time)[:, :, None]
        lowest = torch.finfo(h.dtype).min
        if self.kind == "max":
            return h.masked_fill(~within, lowest).amax(1).masked_fill((ends == 0)[:, None], 0)
        scores = self.v(torch.tanh(self.V(h))).masked_fill(~within, lowest)
        return (scores.softmax(1) * h).sum(1)
