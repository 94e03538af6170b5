"""The k largest of many, with a rule for equals: the first ones."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 64
"""Neighbouring symbols that are looked at together."""

_SMALL = 2048  # candidates; below that a search in blocks is no faster


def first_largest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The ``k`` largest of each row, largest first, and of equal ones the first: torch.topk leaves that open.

    Args:
        values: (n, count) without NaN, count >= k.

    Returns:
        Values and indices, both (n, k).
    """
    top = values.topk(min(k + 1, values.shape[1]))
    indices, threshold = top.indices[:, :k].sort(dim=1).values, top.values[:, k - 1 : k]
    if (threshold == top.values[:, k:]).any():  # equals on both sides of the line: topk took any of them
        above, equal = values > threshold, values == threshold
        chosen = above | (equal & (equal.cumsum(1) <= k - above.sum(1, keepdim=True)))
        places = torch.arange(values.shape[1], device=values.device)
        indices = torch.where(chosen, places, len(places)).topk(k, largest=False).values
    found, order = values.gather(1, indices).sort(dim=1, descending=True, stable=True)
    return found, indices.gather(1, order)


def block_maxima(values: Tensor) -> Tensor:
    """The largest value of each block of neighbours: (n, w, count) -> (n, w, blocks)."""
    even = values.shape[2] // BLOCK * BLOCK
    maxima = values[..., :even].unflatten(2, (-1, BLOCK)).amax(3)
    if even == values.shape[2]:
        return maxima
    return torch.cat([maxima, values[..., even:].amax(2, keepdim=True)], 2)


def best_continuations(values: Tensor, maxima: Tensor, scores: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The ``k`` best of all continuations of a sentence's hypotheses by one symbol.

        argmax^k over (i, v) of  s_i + values_iv

    of equal ones the lower hypothesis, then the lower symbol first. The vocabulary is read once: the k best lie in
    the k blocks of neighbouring symbols that have the largest maxima.

    Args:
        values: (n, w, vocabulary).
        maxima: their `block_maxima`.
        scores: (n, w), -inf for a hypothesis that is not followed.

    Returns:
        Sums, hypotheses and symbols, all (n, min(k, w * vocabulary)). Where a sum is -inf the rest means nothing.
    """
    w, vocabulary = values.shape[1:]
    k = min(k, w * vocabulary)
    if w * vocabulary <= _SMALL:
        sums, flat = first_largest((values + scores[..., None]).flatten(1), k)
        return sums, flat // vocabulary, flat % vocabulary
    blocks = maxima.shape[2]
    _, chosen = first_largest((maxima + scores[..., None]).flatten(1), min(k, w * blocks))
    chosen = chosen.sort(dim=1).values  # so that the first of equals stays the first
    hypothesis, begin = chosen // blocks, chosen % blocks * BLOCK
    symbol = begin[..., None] + torch.arange(BLOCK, device=chosen.device)
    flat = (hypothesis * vocabulary)[..., None] + symbol.clamp(max=vocabulary - 1)
    near = values.flatten(1).gather(1, flat.flatten(1)).view_as(flat)
    near = (near + scores.gather(1, hypothesis)[..., None]).masked_fill(symbol >= vocabulary, -torch.inf)
    sums, best = first_largest(near.flatten(1), k)
    place = best // BLOCK
    return sums, hypothesis.gather(1, place), (begin.gather(1, place) + best % BLOCK).clamp(max=vocabulary - 1)
