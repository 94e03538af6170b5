"""What a network hands over in training when the targets alone cost less than every class."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class TargetLikelihood(NamedTuple):
    """Predictions that can be asked for the likelihood of their targets, and for nothing else.

    Attributes:
        h: (..., width), what each prediction is made from.
        log_p: of steps h (n, width) and their targets (n,), int64, the log p of each target, (n,), or an estimate.
    """

    h: Tensor
    log_p: Callable[[Tensor, Tensor], Tensor]
