"""Attention with other weights than the softmax of its scores."""

from __future__ import annotations

from torch import Tensor

from ...core.errors import ArgumentError
from .attention import Attention


class Reweighted(Attention):
    """An attention that scores as another does and makes other weights of the scores; abstract.

    Args:
        scoring: the other one.
    """

    def __init__(self, scoring: Attention) -> None:
        super().__init__()
        if isinstance(scoring, Reweighted):
            message = f"'{scoring.name}' has weights of its own, which would be ignored"
            raise ArgumentError(message, hint="choose a way of scoring: additive, dot, general", path=("scoring",))
        self.scoring = scoring
        self.query_size, self.memory_size = scoring.query_size, scoring.memory_size

    def keys(self, memory: Tensor) -> Tensor:
        return self.scoring.keys(memory)

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        return self.scoring.scores(query, keys)
