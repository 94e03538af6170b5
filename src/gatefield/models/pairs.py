"""Batches of symbol sequences in pairs, for the examples of models that turn one into the other."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor, Tensor, Tensor]


def random_pairs(source_vocabulary: int, target_vocabulary: int, rows: int = 4) -> Callable[[torch.Generator], Batch]:
    """What draws source, source lengths, target and target lengths: ragged, of symbols from 1 on, padded with 0."""

    def side(generator: torch.Generator, vocabulary: int, time: int) -> tuple[Tensor, Tensor]:
        lengths = torch.randint(1, time + 1, (rows,), generator=generator)
        lengths[rows // 2] = time
        tokens = torch.randint(1, vocabulary, (rows, time), generator=generator)
        return tokens.masked_fill(torch.arange(time) >= lengths[:, None], 0), lengths

    def make(generator: torch.Generator) -> Batch:
        return *side(generator, source_vocabulary, 5), *side(generator, target_vocabulary, 6)

    return make
