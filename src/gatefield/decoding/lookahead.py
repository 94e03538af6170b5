"""What a model thinks of all continuations, in the form in which a search reads it: normalized only where it looks."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from .constraints import ConstraintStates
from .stepper import Stepper, accumulator, advance
from .top import BLOCK, block_maxima

TOGETHER = 1 << 17
"""Numbers whose exponentials are taken at once: few enough to stay in the cache of a processor."""

FEW = 8
"""Blocks of symbols that are looked at again one by one rather than all together."""


class Lookahead(NamedTuple):
    """log p(v | i) = values_iv - normalizers_i.

    Writing the log-probabilities of a whole vocabulary takes longer than finding the best of them. So, where a stepper
    tells its ``scores`` before the softmax, only the sum of their exponentials is computed.

    Attributes:
        values: (n, w, vocabulary).
        maxima: their `block_maxima`.
        normalizers: (n, w), of the type in which log-probabilities are summed.
        owned: whether nobody else has the values.
    """

    values: Tensor
    maxima: Tensor
    normalizers: Tensor
    owned: bool

    @classmethod
    def of(cls, stepper: Stepper, tokens: Tensor, state: Any, step: int) -> tuple[Self, Any]:
        """What ``stepper`` thinks after ``tokens`` (n, w), and its state. Raises as `advance`."""
        tell = getattr(stepper, "scores", None)
        values, state = advance(stepper.step if tell is None else tell, tokens, state, step)
        maxima, dtype = block_maxima(values), accumulator(values.device)
        normalizers = torch.zeros_like(tokens, dtype=dtype)
        if tell is not None:
            normalizers = _normalizers(values, maxima.amax(2), dtype)
        return cls(values, maxima, normalizers, tell is not None), state

    def likeliest(self) -> Tensor:
        """The log-probability of the likeliest symbol of each hypothesis, (n, w); NaN where any is NaN."""
        return self.maxima.amax(2) - self.normalizers

    def restricted(self, automata: ConstraintStates) -> Self:
        """With -inf for what constraints do not allow; probabilities stay the model's own."""
        values = self.values if self.owned else self.values.clone()
        automata.restrict(values)
        blocks = None if automata.named is None else sorted({symbol // BLOCK for symbol in automata.named})
        if blocks is None or len(blocks) > FEW:
            return self._replace(values=values, maxima=block_maxima(values), owned=True)
        maxima = self.maxima
        for block in blocks:
            maxima[..., block] = values[..., block * BLOCK : (block + 1) * BLOCK].amax(2)
        return self._replace(values=values, maxima=maxima, owned=True)

    def some(self, first: int, count: int) -> Self:
        """Of ``count`` hypotheses, from number ``first``."""
        values, maxima, normalizers = (part[:, first : first + count] for part in self[:3])
        return type(self)(values, maxima, normalizers, self.owned)

    def log_probabilities(self, hypotheses: Tensor, tokens: Tensor) -> Tensor:
        """Of ``tokens`` (n, count) after ``hypotheses`` (n, count)."""
        vocabulary = self.values.shape[2]
        values = self.values.flatten(1).gather(1, hypotheses * vocabulary + tokens)
        return values.to(self.normalizers.dtype) - self.normalizers.gather(1, hypotheses)


def _normalizers(values: Tensor, highest: Tensor, dtype: torch.dtype) -> Tensor:
    """log sum_v exp(values_iv), (n, w); ``highest`` are the largest of ``values`` (n, w, vocabulary)."""
    rows, shift = values.flatten(0, 1), highest.masked_fill(highest == -torch.inf, 0).flatten()[:, None]
    size = max(1, TOGETHER // rows.shape[1]) if rows.is_cpu else max(1, len(rows))
    room = rows.new_empty(min(size, len(rows)), rows.shape[1])
    sums = [
        torch.sub(some, by, out=room[: len(some)]).exp_().sum(1)
        for some, by in zip(rows.split(size), shift.split(size))
    ]
    total = torch.cat(sums) if sums else shift[:, 0]
    return (shift[:, 0].to(dtype) + total.to(dtype).log()).view_as(highest)
