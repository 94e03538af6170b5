"""Attention by the inner product."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.arguments import PositiveInt
from ...core.errors import ArgumentError
from .attention import Attention, AttentionExample


class Dot(Attention):
    """e_ts = q_t^T m_s

    Args:
        query_size: features of queries.
        memory_size: features of the memory; as many.

    Raises:
        ArgumentError: queries and memory have different features.

    Source: Luong, Pham and Manning (2015), equation 8. Departs from the paper: nowhere.
    """

    name = "dot"
    reference = "luong2015"

    def __init__(self, query_size: PositiveInt, memory_size: PositiveInt) -> None:
        super().__init__()
        if query_size != memory_size:
            message = f"queries have {query_size} features, the memory {memory_size}: there is no inner product"
            raise ArgumentError(message, hint="make them equal, or choose 'general'", path=("memory_size",))
        self.query_size, self.memory_size = query_size, memory_size

    @classmethod
    def examples(cls) -> list[AttentionExample]:
        return [AttentionExample({"query_size": 4, "memory_size": 4})]

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(query, keys.mT)
