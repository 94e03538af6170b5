"""Whether long hypotheses pay for being long."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ..core.arguments import NonNegativeFloat
from ..core.configurable import Configurable


class LengthPenalty(Configurable):
    """What a log-probability is divided by before hypotheses of different lengths are compared.

    The divisor of a search must be positive and must not fall with the length: the admissible stop relies on it.
    """

    kind: ClassVar[str] = "length penalty"
    package: ClassVar[str] = "gatefield.decoding"

    def divisor(self, lengths: Tensor) -> Tensor:
        """The divisor for sequences of ``lengths`` steps, the end symbol counted; of the type of ``lengths``."""
        raise NotImplementedError


class NoPenalty(LengthPenalty):
    """Compare log-probabilities as they are: short hypotheses win."""

    name: ClassVar[str] = "none"

    def divisor(self, lengths: Tensor) -> Tensor:
        return torch.ones_like(lengths)


class Average(LengthPenalty):
    """Compare the mean log-probability of a step: lp(n) = n."""

    name: ClassVar[str] = "average"

    def divisor(self, lengths: Tensor) -> Tensor:
        return lengths.clamp(min=1)


class GNMT(LengthPenalty):
    """The penalty of Google's translation system: lp(n) = ((5 + n) / 6)^alpha.

    Args:
        alpha: 0 is no penalty; the paper takes 0.2, others 0.6 to 1.

    Reference: Wu et al. (2016), equation 14.
    """

    name: ClassVar[str] = "gnmt"
    reference: ClassVar[str] = "wu2016"

    def __init__(self, alpha: NonNegativeFloat = 0.6) -> None:
        self.alpha = alpha

    def divisor(self, lengths: Tensor) -> Tensor:
        return ((5 + lengths) / 6) ** self.alpha
