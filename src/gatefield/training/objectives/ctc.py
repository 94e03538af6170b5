"""The likelihood of a labelling whose alignment nobody knows."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from ...core.errors import InputError
from ...functional.ctc_paths import BLANK
from ..batches import IGNORED
from ..objective import Objective


class CTC(Objective):
    """Connectionist temporal classification: all paths that say the labels l, together.

        -(1/N) sum over rows of log p(l | x),  p(l | x) = sum over pi in B^-1(l) of prod_t y^t_(pi_t),  N: labels

    Outputs are log-probabilities (batch, time, symbols), the blank at 0, and lengths (batch,); targets are int64
    (batch, labels), `IGNORED` after the last label of each row.

    Args:
        impossible: what to do with a row that has fewer steps than its labels need: "raise", or let it count nothing
            ("skip").

    Reference: Graves et al. (2006), equations 2-8; computed by torch.
    """

    name: ClassVar[str] = "ctc"
    unit: ClassVar[str] = "ctc"
    reference: ClassVar[str] = "graves2006"

    def __init__(self, impossible: Literal["raise", "skip"] = "raise") -> None:
        self.impossible = impossible

    def loss(self, outputs: tuple[Tensor, Tensor], targets: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The mean loss of a label.

        Raises:
            InputError: a label that is the blank or no symbol, a gap between labels, or a row with too few steps.
        """
        log_y, lengths = outputs
        counts = targets != IGNORED
        labels = counts.sum(1)
        self._check(log_y, lengths, targets, counts, labels)
        if not log_y.shape[1]:
            return log_y.sum()  # rows of nothing say nothing, with certainty
        losses = functional.ctc_loss(
            log_y.transpose(0, 1),
            targets.masked_fill(~counts, BLANK),
            lengths,
            labels,
            blank=BLANK,
            reduction="none",
            zero_infinity=self.impossible == "skip",
        )
        return losses.sum() / labels.sum().clamp(min=1)

    def correct(self, outputs: tuple[Tensor, Tensor], targets: Tensor) -> Tensor | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """None: how wrong a labelling is is a matter of distance."""
        return None

    def _check(self, log_y: Tensor, lengths: Tensor, targets: Tensor, counts: Tensor, labels: Tensor) -> None:
        if not torch.equal(counts, counts.cumprod(1).bool()):
            raise InputError("there are gaps between the labels", hint="put the labels of a row first, then padding")
        wrong = counts & ((targets == BLANK) | (targets < 0) | (targets >= log_y.shape[2]))
        if wrong.any():
            message = f"{int(targets[wrong][0])} is no label"
            raise InputError(message, hint=f"labels are 1 to {log_y.shape[2] - 1}; {BLANK} is the blank")
        repeated = (counts[:, 1:] & (targets[:, 1:] == targets[:, :-1])).sum(1)
        short = (labels + repeated > lengths).nonzero().flatten().tolist()
        if short and self.impossible == "raise":
            row = short[0]
            message = f"row {row} has {int(lengths[row])} steps, and its {int(labels[row])} labels need more"
            raise InputError(message, hint="use fewer or smaller strides, leave it out, or set impossible: skip")
