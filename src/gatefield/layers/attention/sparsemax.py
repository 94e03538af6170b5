"""Attention with exact zeros."""

from __future__ import annotations

from torch import Tensor

from ...core.arguments import PositiveInt
from ...core.configurable import Spec, named
from ...functional.sparsemax import sparsemax
from .attention import Attention, AttentionExample, Memory
from .reweighted import Reweighted


class Sparsemax(Reweighted):
    """a_t = sparsemax(e_t): steps that match too badly get weight 0, how many is learned.

    Args:
        query_size: features of queries.
        memory_size: features of the memory.
        scoring: where the scores e come from: additive, dot or general.

    Source: Martins and Astudillo (2016), section 4.3. Departs from the paper: nowhere.
    """

    name = "sparsemax"
    reference = "martins2016"

    def __init__(
        self, query_size: PositiveInt, memory_size: PositiveInt, scoring: Spec[Attention] = named("general")
    ) -> None:
        super().__init__(scoring.build(query_size=query_size, memory_size=memory_size))

    @classmethod
    def examples(cls) -> list[AttentionExample]:
        return [AttentionExample({"query_size": 3, "memory_size": 4})]

    def weigh(self, scores: Tensor, query: Tensor, prepared: Memory) -> Tensor:
        return sparsemax(scores, 2)
