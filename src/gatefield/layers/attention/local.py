"""Attention to a window around a predicted place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.arguments import PositiveInt
from ...core.configurable import Spec, named
from .attention import Attention, AttentionExample, Memory
from .reweighted import Reweighted


class Local(Reweighted):
    """Attention to a window of 2 D steps around a place that the query predicts, with a Gaussian on top.

        p_t = S sigmoid(v_p^T tanh(W_p q_t))
        a_ts = softmax(e_t over the window |s - p_t| <= D)_s exp(-(s - p_t)^2 / (2 sigma^2)),    sigma = D / 2

    S is the length of the sentence, s counts from 0. The Gaussian comes after the softmax, so that the weights sum to
    at most 1.

    Args:
        query_size: features of queries.
        memory_size: features of the memory.
        window: D, in steps.
        scoring: where the scores e come from: additive, dot or general.

    Source: Luong, Pham and Manning (2015), section 3.2, local-p, equations 9 and 10. Departs from the paper: nowhere.
    """

    name = "local"
    reference = "luong2015"

    def __init__(
        self,
        query_size: PositiveInt,
        memory_size: PositiveInt,
        window: PositiveInt = 10,
        scoring: Spec[Attention] = named("general"),
    ) -> None:
        super().__init__(scoring.build(query_size=query_size, memory_size=memory_size))
        self.window = window
        self.W_p = nn.Linear(query_size, query_size, bias=False)
        self.v_p = nn.Linear(query_size, 1, bias=False)

    @classmethod
    def examples(cls) -> list[AttentionExample]:
        sizes = {"query_size": 3, "memory_size": 4, "window": 2}
        return [AttentionExample(sizes), AttentionExample({**sizes, "scoring": "additive"})]

    def weigh(self, scores: Tensor, query: Tensor, prepared: Memory) -> Tensor:
        p = prepared.lengths * torch.sigmoid(self.v_p(torch.tanh(self.W_p(query))))
        away = torch.arange(scores.shape[2], dtype=p.dtype, device=p.device) - p
        inside = away.abs() <= self.window
        align = scores.masked_fill(~inside, torch.finfo(scores.dtype).min).softmax(2)
        sigma = self.window / 2
        return (align * torch.exp(-away.square() / (2 * sigma**2))).masked_fill(~inside, 0.0)
