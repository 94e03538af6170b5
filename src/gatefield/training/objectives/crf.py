"""The likelihood of a whole tag sequence."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ...core.errors import InputError
from ...functional.crf import LinearChain, log_partition, marginals, score, viterbi
from ...functional.lengths import inside
from ..batches import IGNORED
from ..objective import Objective


class ConditionalRandomField(Objective):
    """Negative log-likelihood of tag sequences y under a linear-chain conditional random field.

        -(1/N) sum over sentences of [ s(x, y) - log Z(x) ],  N: tags that count

    Divided by tags and not by sentences, so that it compares with the cross-entropy of taggers without a chain.

    Outputs are a `LinearChain`, targets int64 (batch, time), `IGNORED` beyond the length of a sentence and only there.

    Reference: Lafferty, McCallum and Pereira (2001), section 3.
    """

    name: ClassVar[str] = "crf"
    unit: ClassVar[str] = "crf"
    reference: ClassVar[str] = "lafferty2001"

    def loss(self, outputs: LinearChain, targets: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The mean loss of a tag.

        Raises:
            InputError: another number of tags than the sentence has words, or one the chain does not have.
        """
        counts, tags = targets != IGNORED, outputs.emissions.shape[2]
        if not torch.equal(counts, inside(outputs.lengths, targets.shape[1])):
            raise InputError("the tags do not fit the lengths of the sentences", hint="give one tag for each word")
        if ((targets < 0) | (targets >= tags))[counts].any():
            raise InputError("there is a tag beyond those of the chain", hint=f"tags are 0 to {tags - 1}")
        likelihood = score(outputs, targets.clamp(min=0)) - log_partition(outputs)
        return -likelihood.sum() / counts.sum().clamp(min=1)

    def probabilities(self, outputs: LinearChain) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """p(y_t = j | x), (batch, time, tags), of each tag whatever the others are."""
        return marginals(outputs)

    def correct(self, outputs: LinearChain, targets: Tensor) -> Tensor | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The share of right tags in the likeliest sequences."""
        best, _ = viterbi(outputs, IGNORED)
        return (best == targets)[targets != IGNORED].double().mean()
