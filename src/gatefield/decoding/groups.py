"""One step of a beam: which continuations are followed, which ones have ended."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .lookahead import Lookahead
from .top import best_continuations, block_maxima


class Continuations(NamedTuple):
    """Hypotheses one symbol longer, all (n, groups, count); a score of -inf is none.

    Attributes:
        parents: the slots that they continue.
        tokens: the symbols.
        log_probabilities: of the symbols.
        scores: log-probability of all the symbols so far.
    """

    parents: Tensor
    tokens: Tensor
    log_probabilities: Tensor
    scores: Tensor


def by_group(slots: Tensor, groups: int) -> Tensor:
    """(n, width) -> (n, groups, width / groups); the only hypothesis at the beginning belongs to every group."""
    return slots[:, None].expand(-1, groups, -1) if slots.shape[1] == 1 else slots.unflatten(1, (groups, -1))


def continue_groups(
    ahead: Lookahead,
    scores: Tensor,
    width: int,
    groups: int,
    diversity: float,
    end: int | None,
    may_end: bool,
) -> tuple[Continuations, Continuations]:
    """The best continuations of each group, divided into those that go on and those that end.

    Of the ``width / groups`` best, those by the end symbol have ended; the places that they leave go to the next best.
    The end symbol is at most once a hypothesis among them, so twice the width is enough to look at. Group g chooses

        argmax over (i, v) of  s_i + log p(v | y_i) - diversity * (how often the groups before g follow v in this step)

    Args:
        ahead: of w hypotheses, w being ``width``, or 1 at the beginning.
        scores: (n, w).
        may_end: whether the end symbol may come now.

    Returns:
        Those that go on and those that have ended, both (n, groups, width / groups).

    Reference: Vijayakumar et al. (2018), algorithm 1.
    """
    n, w, vocabulary = ahead.values.shape
    share = width // groups
    used = ahead.values.new_zeros(n, vocabulary) if groups > 1 else None
    found: list[tuple[Continuations, Continuations]] = []
    for group in range(groups):
        first, count = (0, 1) if w == 1 else (group * share, share)
        own, own_scores = ahead.some(first, count), scores[:, first : first + count]
        values, maxima = own.values, own.maxima
        if used is not None and group:
            values = values - diversity * used[:, None]
            maxima = block_maxima(values)
        wanted = share if end is None else 2 * share
        sums, hypotheses, tokens = best_continuations(values, maxima, own_scores - own.normalizers, wanted)
        found_values = own.log_probabilities(hypotheses, tokens).masked_fill(sums == -torch.inf, -torch.inf)
        columns = [hypotheses + first, tokens, found_values, own_scores.gather(1, hypotheses) + found_values]
        missing = wanted - sums.shape[1]
        if missing:
            columns = [F.pad(c, (0, missing), value=-torch.inf if c.is_floating_point() else 0) for c in columns]
        all_of_them = Continuations(*columns)
        found.append(_divided(all_of_them, share, end, may_end))
        if used is not None:
            live = found[-1][0]
            used.scatter_add_(1, live.tokens, (live.scores > -torch.inf).to(used.dtype))
    live, ended = ([pair[side] for pair in found] for side in (0, 1))
    return Continuations(*map(_stacked, zip(*live))), Continuations(*map(_stacked, zip(*ended)))


def _divided(found: Continuations, share: int, end: int | None, may_end: bool) -> tuple[Continuations, Continuations]:
    """What goes on and what has ended of (n, count), best first; both (n, share)."""
    is_end = found.tokens == (-1 if end is None else end)
    order = is_end.byte().argsort(dim=1, stable=True)[:, :share]
    live = without(Continuations(*(column.gather(1, order) for column in found)), is_end.gather(1, order))
    best = Continuations(*(column[:, :share] for column in found))
    return live, without(best, ~is_end[:, :share] if may_end else torch.ones_like(is_end[:, :share]))


def without(found: Continuations, gone: Tensor) -> Continuations:
    """``found`` but for those that are ``gone``."""
    return found._replace(
        log_probabilities=found.log_probabilities.masked_fill(gone, -torch.inf),
        scores=found.scores.masked_fill(gone, -torch.inf),
    )


def _stacked(columns: tuple[Tensor, ...]) -> Tensor:
    return torch.stack(columns, 1)
