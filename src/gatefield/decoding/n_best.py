"""The best hypotheses that have ended, kept while the search goes on."""

from __future__ import annotations

import torch
from torch import Tensor

from .hypothesis import Hypothesis
from .trace import Trace


class NBest:
    """For each sentence and group of its beam the ``size`` best hypotheses that have ended, best first.

    A hypothesis is a pointer into the trace of the search; its symbols are read off at the end.
    """

    def __init__(self, sentences: int, groups: int, size: int, dtype: torch.dtype, device: torch.device) -> None:
        shape = (sentences, groups, size)
        self.scores = torch.full(shape, -torch.inf, dtype=dtype, device=device)
        self.ends = torch.zeros(shape, dtype=dtype, device=device)  # log-probability of the end symbol
        self.last, self.slots = (torch.zeros(shape, dtype=torch.int64, device=device) for _ in range(2))
        self.finished = torch.zeros(shape, dtype=torch.bool, device=device)

    def worst(self, sentences: Tensor) -> Tensor:
        """What a hypothesis must beat to be kept: (m, groups), -inf where there is room."""
        return self.scores[sentences, :, -1]

    def offer(self, sentences: Tensor, scores: Tensor, last: int, slots: Tensor, ends: Tensor | None = None) -> None:
        """Keep of the old and the new ones the best; of equal ones the older.

        Args:
            sentences: (m,).
            scores: (m, groups, count); -inf is no hypothesis.
            last: the last step in the trace that belongs to the hypotheses; -1 is the beginning.
            slots: (m, groups, count), their slots there.
            ends: (m, groups, count), log-probability of the end symbol. None for hypotheses that the limit cut
                short: they only fill the places that are left.
        """
        new = {
            "scores": scores,
            "ends": torch.zeros_like(scores) if ends is None else ends,
            "last": torch.full_like(slots, last),
            "slots": slots,
            "finished": (scores > -torch.inf) & (ends is not None),
        }
        merged = {name: torch.cat([getattr(self, name)[sentences], column], 2) for name, column in new.items()}
        order = _ranking(merged["scores"], merged["finished"])[..., : self.scores.shape[2]]
        for name, column in merged.items():
            getattr(self, name)[sentences] = column.gather(2, order)

    def hypotheses(self, trace: Trace) -> list[list[Hypothesis]]:
        """The hypotheses of every sentence, best first, those of all groups together."""
        scores, finished = self.scores.flatten(1), self.finished.flatten(1)
        order = _ranking(scores, finished)
        columns = (self.scores, self.ends, self.last, self.slots, self.finished)
        ranked = [column.flatten(1).gather(1, order) for column in columns]
        kept = ranked[0] > -torch.inf
        sentences = kept.nonzero()[:, 0]
        scores, ends, last, slots, finished = (column[kept] for column in ranked)
        tokens, steps = trace.paths(sentences, last, slots)
        results: list[list[Hypothesis]] = [[] for _ in range(len(kept))]
        rows = zip(*(column.tolist() for column in (sentences, scores, ends, last + 1, finished, tokens, steps)))
        for sentence, score, end, length, ended, symbols, path in rows:
            log_probabilities = (*path[:length], end) if ended else tuple(path[:length])
            total = float(sum(log_probabilities))
            results[sentence].append(Hypothesis(tuple(symbols[:length]), score, total, ended, log_probabilities))
        return results


def _ranking(scores: Tensor, finished: Tensor) -> Tensor:
    """Indices along the last dimension: finished ones first, then those cut short, then empty places; each by score."""
    by_score = scores.argsort(dim=-1, descending=True, stable=True)
    group = torch.where(finished, 0, torch.where(scores > -torch.inf, 1, 2)).gather(-1, by_score)
    return by_score.gather(-1, group.argsort(dim=-1, stable=True))
