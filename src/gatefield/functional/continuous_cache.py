"""A cache of what a language model has just read, asked by likeness of hidden states."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .lengths import inside, last_steps


class Cached(NamedTuple):
    """Pairs (h_(i-1), x_i) that were read, the newest last, and the hidden state whose word is still to come.

    Attributes:
        hidden: (batch, size, width).
        words: (batch, size), int64.
        known: (batch, size) bool, whether there was such a pair.
        last: (batch, width), h of the newest word; and
        started: (batch,) bool, whether there was one.
    """

    hidden: Tensor
    words: Tensor
    known: Tensor
    last: Tensor
    started: Tensor


def empty_cache(h: Tensor, size: int) -> Cached:
    """What a cache of ``size`` pairs holds before the first word; ``h`` (batch, time, width) gives dtype and device."""
    batch, width = len(h), h.shape[2]
    words = torch.zeros(batch, size, dtype=torch.int64, device=h.device)
    no = torch.zeros(batch, dtype=torch.bool, device=h.device)
    return Cached(h.new_zeros(batch, size, width), words, words > 0, h.new_zeros(batch, width), no)


def with_cache(
    log_p: Tensor, h: Tensor, tokens: Tensor, ends: Tensor, before: Cached, flatness: float, weight: float
) -> tuple[Tensor, Cached]:
    """The predictions of a model, mixed with those of its cache.

        p_cache(w | h_1..t, x_1..t) ~ sum over i < t of [w = x_(i+1)] exp(theta h_t . h_i)
        p(w) = (1 - lambda) p_model(w) + lambda p_cache(w)

    over the newest pairs that the cache can hold; where it is empty, p = p_model.

    Args:
        log_p: log p_model, (batch, time, vocabulary).
        h: (batch, time, width), what each prediction was made from.
        tokens: (batch, time), the words that were read.
        ends: int64 (batch,), steps of each row.
        before: the cache before the first step.
        flatness: theta; 0 makes p_cache count words.
        weight: lambda.

    Returns:
        log p, and the cache after each row's last step.

    Source: Grave, Joulin and Usunier (2017), equations 2 and 3 (linear interpolation).
    """
    time = tokens.shape[1]
    size = before.words.shape[1]
    within = inside(ends, time)
    hidden = torch.cat([before.hidden, before.last[:, None], h], 1)
    keys = hidden[:, :-1]
    words = torch.cat([before.words, tokens.masked_fill(~within, 0)], 1)
    known = torch.cat([before.known, within & torch.cat([before.started[:, None], within[:, :-1]], 1)[:, :time]], 1)

    age = torch.arange(time, device=h.device)[:, None] + size - torch.arange(size + time, device=h.device)
    usable = known[:, None] & (age >= 0) & (age < size)
    scores = (flatness * h @ keys.transpose(1, 2)).masked_fill(~usable, torch.finfo(h.dtype).min)
    chances = scores.softmax(2).masked_fill(~usable, 0)
    read, place = words.unique(return_inverse=True)  # few of all words: what is done for each costs little for these
    p_cache = chances.new_zeros(*chances.shape[:2], len(read))
    p_cache = p_cache.scatter_add(2, place[:, None].expand(-1, time, -1), chances)
    share = weight * usable.any(2, keepdim=True).to(log_p.dtype)
    log_p = log_p + torch.log1p(-share)
    log_p.index_copy_(2, read, (log_p.index_select(2, read).exp() + share * p_cache).log())

    last = hidden.gather(1, (size + ends)[:, None, None].expand(-1, 1, h.shape[2]))[:, 0]
    kept = [last_steps(part, size + ends, size) for part in (keys, words, known)]
    return log_p, Cached(kept[0], kept[1], kept[2], last, before.started | (ends > 0))
