"""Binary cross-entropy of sigmoid units."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from ..objective import Objective


class Bernoulli(Objective):
    """Binary cross-entropy of one sigmoid unit a class, against one-hot targets t.

        -(1/N) sum_n sum_k [ t_nk log s(z_nk) + (1 - t_nk) log(1 - s(z_nk)) ],  s(z) = 1 / (1 + exp(-z))

    Each probability is its unit's own belief in its class; those of a sample need not sum to one.

    Reference: catalogue 109 (sigmoid / Bernoulli).
    """

    name: ClassVar[str] = "bernoulli"
    unit: ClassVar[str] = "sigmoid"
    reference: ClassVar[str] = "catalogue 109"

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        t = functional.one_hot(targets, outputs.shape[1]).to(outputs)
        return functional.binary_cross_entropy_with_logits(outputs, t, reduction="sum") / len(outputs)

    def probabilities(self, outputs: Tensor) -> Tensor:
        return outputs.sigmoid()
