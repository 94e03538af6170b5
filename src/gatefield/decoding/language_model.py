"""What a search over labels can ask a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from .stepper import Stepper, advance, require_distribution


class LanguageModel(Protocol):
    """Any function of the labels so far."""

    def __call__(self, prefix: tuple[int, ...], /) -> Sequence[float] | Tensor:
        """Log-probability of each class after the labels ``prefix``; that of a blank is not looked at."""
        ...


class SteppedLanguageModel:
    """A stepper as a function of the labels so far; the state after every prefix that was asked for is kept.

    Args:
        stepper: a model of the labels, numbered as the classes are.
        state: of one sentence, as ``stepper.start`` gives it.
        begin: the symbol that is read first.
    """

    def __init__(self, stepper: Stepper, state: Any, begin: int) -> None:
        self.stepper, self.begin, self.first_state = stepper, begin, state
        self._known: dict[tuple[int, ...], tuple[Tensor, Any]] = {}

    @torch.no_grad()
    def __call__(self, prefix: tuple[int, ...]) -> Tensor:
        return self._after(prefix)[0]

    def _after(self, prefix: tuple[int, ...]) -> tuple[Tensor, Any]:
        """Log-probabilities (classes,), and the state behind them."""
        start = next(k for k in range(len(prefix), -2, -1) if k < 0 or prefix[:k] in self._known)
        state = self.first_state if start < 0 else self._known[prefix[:start]][1]
        for k in range(start + 1, len(prefix) + 1):
            symbol = torch.tensor([[prefix[k - 1] if k else self.begin]])
            # The state is a copy: other prefixes go on from the one that is kept.
            copied = self.stepper.reorder(state, torch.zeros(1, dtype=torch.int64), torch.zeros_like(symbol))
            log_probabilities, state = advance(self.stepper.step, symbol, copied, k)
            live = torch.ones(1, 1, dtype=torch.bool)
            require_distribution(log_probabilities, live, lambda row, slot: f"after the labels {prefix}")
            self._known[prefix[:k]] = log_probabilities[0, 0], state
        return self._known[prefix]
