"""The likelihood of frames whose units are on or off."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from ..batches import IGNORED
from ..objective import Objective


class Frames(Objective):
    """Negative log-likelihood of a frame of units that are on or off by themselves, as the keys of a piano.

        -(1/N) sum over frames n of sum_k [ t_nk log s(z_nk) + (1 - t_nk) log(1 - s(z_nk)) ],  s(z) = 1 / (1 + exp(-z))

    A sum over units and a mean over frames, in nats: the figure papers report for piano rolls.

    Outputs are (..., units), targets 0 or 1 of the same shape and of any dtype that has `IGNORED`; a frame whose first
    target is `IGNORED` does not count.

    Reference: Boulanger-Lewandowski, Bengio and Vincent (2012), section 6; catalogue 109.
    """

    name: ClassVar[str] = "frames"
    unit: ClassVar[str] = "frames"
    reference: ClassVar[str] = "boulanger2012"

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        counts = targets[..., 0] != IGNORED
        t = targets.to(outputs.dtype).masked_fill(~counts[..., None], 0)
        losses = functional.binary_cross_entropy_with_logits(outputs, t, reduction="none").sum(-1)
        return losses.masked_fill(~counts, 0).sum() / counts.sum().clamp(min=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """The chance of each unit to be on."""
        return outputs.sigmoid()

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """None: nearly all units are off nearly always, and a net that plays nothing would be nearly always right."""
        return None
