"""Attention by a bilinear form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from .attention import Attention, AttentionExample


class General(Attention):
    """e_ts = q_t^T W_a m_s

    W_a m_s does not depend on the query and is computed once.

    Args:
        query_size: features of queries.
        memory_size: features of the memory.

    Source: Luong, Pham and Manning (2015), equation 8. Departs from the paper: nowhere.
    """

    name = "general"
    reference = "luong2015"

    def __init__(self, query_size: PositiveInt, memory_size: PositiveInt) -> None:
        super().__init__()
        self.query_size, self.memory_size = query_size, memory_size
        self.W_a = nn.Linear(memory_size, query_size, bias=False)

    @classmethod
    def examples(cls) -> list[AttentionExample]:
        return [AttentionExample({"query_size": 3, "memory_size": 4})]

    def keys(self, memory: Tensor) -> Tensor:
        return self.W_a(memory)

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(query, keys.mT)
