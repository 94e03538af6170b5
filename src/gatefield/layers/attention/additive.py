"""Attention by a small network of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from .attention import Attention, AttentionExample


class Additive(Attention):
    """e_ts = v^T tanh(W_a q_t + U_a m_s)

    U_a m_s does not depend on the query and is computed once.

    Args:
        query_size: features of queries.
        memory_size: features of the memory.
        size: hidden units; None: as many as a query has features.

    Source: Bahdanau, Cho and Bengio (2015), appendix A.1.2. Departs from the paper: nowhere.
    """

    name = "additive"
    reference = "bahdanau2015"

    def __init__(self, query_size: PositiveInt, memory_size: PositiveInt, size: PositiveInt | None = None) -> None:
        super().__init__()
        self.query_size, self.memory_size = query_size, memory_size
        size = size or query_size
        self.W_a = nn.Linear(query_size, size, bias=False)
        self.U_a = nn.Linear(memory_size, size, bias=False)
        self.v = nn.Parameter(torch.empty(size).uniform_(-(size**-0.5), size**-0.5))

    @classmethod
    def examples(cls) -> list[AttentionExample]:
        sizes = {"query_size": 3, "memory_size": 4}
        return [AttentionExample(sizes), AttentionExample({**sizes, "size": 5})]

    def keys(self, memory: Tensor) -> Tensor:
        return self.U_a(memory)

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        return torch.tanh(self.W_a(query)[:, :, None] + keys[:, None]) @ self.v
