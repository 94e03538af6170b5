"""Attention to a subset of the steps (catalogue 172)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.arguments import PositiveInt
from ...core.configurable import Spec, named
from .attention import Attention, AttentionExample, Memory
from .reweighted import Reweighted


class Subset(Reweighted):
    """A separate network selects a subset S_t of the steps [T]; the others are out of sight.

        S_t = the k steps with the highest scores e_ts        a_ts = softmax(e_t over S_t)_s, 0 outside S_t

    The separate network is the one that scores. It learns through the weights inside S_t; which steps are in S_t has
    no gradient.

    Args:
        query_size: features of queries.
        memory_size: features of the memory.
        size: k, steps in S_t; shorter sentences are seen whole.
        scoring: the separate network: additive, dot or general.

    Source: S2 "RNN Variants", "a separate NN used to select a subset S_t of [T]" (catalogue 172, claim 42).
    Departs from the deck: nowhere; it leaves open how S_t is chosen.
    """

    name = "subset"
    reference = "catalogue 172"

    def __init__(
        self,
        query_size: PositiveInt,
        memory_size: PositiveInt,
        size: PositiveInt = 3,
        scoring: Spec[Attention] = named("additive"),
    ) -> None:
        super().__init__(scoring.build(query_size=query_size, memory_size=memory_size))
        self.size = size

    @classmethod
    def examples(cls) -> list[AttentionExample]:
        sizes = {"query_size": 3, "memory_size": 4, "size": 2}
        return [AttentionExample(sizes), AttentionExample({**sizes, "scoring": "general"})]

    def weigh(self, scores: Tensor, query: Tensor, prepared: Memory) -> Tensor:
        best, subset = scores.topk(min(self.size, scores.shape[2]), 2)
        return torch.zeros_like(scores).scatter(2, subset, best.softmax(2))
