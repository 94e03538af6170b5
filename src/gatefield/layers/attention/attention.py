"""The contract of an attention: queries look into a memory of their own sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ...core.configurable import Configurable
from ...core.errors import InputError
from ...functional.lengths import blank, inside, row_ends


@dataclass(frozen=True)
class AttentionExample:
    """A small instance for the contract suite: constructor arguments, sizes of queries and memory among them."""

    arguments: dict[str, Any] = field(default_factory=dict)


class Memory(NamedTuple):
    """What `Attention.prepare` made of a memory, once for all queries.

    Attributes:
        keys: (n, time, key features), what scores are computed from; premultiplied by the weights of the attention.
        values: (n, time, features), what contexts are sums of; zero in padding.
        lengths: (n, 1, 1), steps of each sentence.
        outside: (n, 1, time) bool, padding; None: there is none.
    """

    keys: Tensor
    values: Tensor
    lengths: Tensor
    outside: Tensor | None

    @property
    def inside(self) -> Tensor:
        """(n, time) bool: which steps are no padding."""
        n, time = self.keys.shape[:2]
        if self.outside is None:
            return torch.ones(n, time, dtype=torch.bool, device=self.keys.device)
        return ~self.outside[:, 0]

    def select(self, sentences: Tensor) -> Memory:
        """The memory of ``sentences`` (m,), int64."""
        outside = None if self.outside is None else self.outside.index_select(0, sentences)
        keys, values, lengths = (part.index_select(0, sentences) for part in (self.keys, self.values, self.lengths))
        return Memory(keys, values, lengths, outside)


class Attention(Configurable, nn.Module):
    """Each query gets a mean of the memory, weighted by how well the query and each of its steps match.

        e_ts = score(q_t, m_s)        a_t = softmax(e_t) over the steps s of the sentence        c_t = sum_s a_ts m_s

    Queries (n, w, features) may be the w steps of a target sentence or the w hypotheses of a search: the memory is per
    sentence and never repeated for them.

        context, weights = attention(query, memory, lengths)

    and for many calls on one memory:

        prepared = attention.prepare(memory, lengths)
        context, weights = attention.attend(query, prepared)

    A kind of attention overrides `scores` (how they match), with `keys` for what does not depend on the query, or
    `weigh` (what becomes of the scores).

    Attributes:
        query_size, memory_size: features of queries and of the memory.
    """

    kind: ClassVar[str] = "attention"
    package: ClassVar[str] = "gatefield.layers.attention"
    query_size: int
    memory_size: int

    @classmethod
    def examples(cls) -> list[AttentionExample]:
        """Small instances that the contract suite builds and tests."""
        raise NotImplementedError(f"{cls.__name__} has no examples")

    def forward(
        self, query: Tensor, memory: Tensor, lengths: Sequence[int] | Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Contexts and weights.

        Args:
            query: (n, w, query_size).
            memory: (n, time, memory_size).
            lengths: steps of each sentence, in [0, time], in any order; None: all.

        Returns:
            context (n, w, memory_size) and weights (n, w, time), which are 0 in padding; a sentence of no steps has
            context 0.

        Raises:
            InputError: shapes or lengths that do not fit.
        """
        return self.attend(query, self.prepare(memory, lengths))

    def prepare(
        self, memory: Tensor, lengths: Sequence[int] | Tensor | None = None, values: Tensor | None = None
    ) -> Memory:
        """``memory`` with what all queries have in common computed once.

        Args:
            memory: (n, time, memory_size).
            lengths: as for `forward`.
            values: (n, time, features), what to take the mean of; None: the memory itself.
        """
        if memory.dim() != 3 or memory.shape[2] != self.memory_size:
            message = f"the memory has shape {tuple(memory.shape)}"
            raise InputError(message, hint=f"give (n, time, {self.memory_size})")
        ends = row_ends(lengths, len(memory), memory.shape[1], memory.device)
        counts = inside(ends, memory.shape[1])
        outside = None
        if not counts.all():
            outside = ~counts[:, None]
            memory = blank(memory, ends)
            values = None if values is None else blank(values, ends)
        steps = ends[:, None, None].to(memory.dtype)
        return Memory(self.keys(memory), memory if values is None else values, steps, outside)

    def attend(self, query: Tensor, prepared: Memory) -> tuple[Tensor, Tensor]:
        """Contexts and weights of ``query`` (n, w, query_size) on what `prepare` returned."""
        n = len(prepared.keys)
        if query.dim() != 3 or len(query) != n or query.shape[2] != self.query_size:
            message = f"the queries have shape {tuple(query.shape)}"
            raise InputError(message, hint=f"give ({n}, w, {self.query_size}), as many sentences as the memory has")
        if prepared.keys.shape[1] == 0:
            weights = query.new_zeros(*query.shape[:2], 0)
            return torch.bmm(weights, prepared.values), weights
        scores = self.scores(query, prepared.keys)
        if prepared.outside is None:
            weights = self.weigh(scores, query, prepared)
        else:
            scores = scores.masked_fill(prepared.outside, torch.finfo(scores.dtype).min)
            weights = self.weigh(scores, query, prepared).masked_fill(prepared.outside, 0.0)
        return torch.bmm(weights, prepared.values), weights

    def keys(self, memory: Tensor) -> Tensor:
        """What `scores` reads of ``memory`` (n, time, memory_size); the memory itself unless overridden."""
        return memory

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """e (n, w, time) of ``query`` (n, w, query_size) on ``keys``."""
        raise NotImplementedError(f"{type(self).__name__} has no scores")

    def weigh(self, scores: Tensor, query: Tensor, prepared: Memory) -> Tensor:
        """The weights a of ``scores`` (n, w, time); padding has the lowest number there is."""
        return scores.softmax(2)
