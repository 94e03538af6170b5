"""Connectionist temporal classification spelled out: the slow references of what training uses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

#: The symbol that means: nothing new.
BLANK = 0


def collapse(path: Iterable[int]) -> list[int]:
    """B(path): repeated symbols become one, then blanks go. B(a - a b b) = a a b, with - for the blank.

    Source: Graves et al. (2006), section 3.1.
    """
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != BLANK]


def paths(labels: Sequence[int], time: int, symbols: int) -> Iterator[tuple[int, ...]]:
    """All pi of ``time`` symbols, blanks among them, with B(pi) = ``labels``; looks at symbols^time candidates."""
    wanted = list(labels)
    return (path for path in itertools.product(range(symbols), repeat=time) if collapse(path) == wanted)


def steps_needed(labels: Sequence[Hashable]) -> int:
    """The steps of the shortest path that says ``labels``: one for each, and a blank between two of the same."""
    return len(labels) + sum(one == other for one, other in itertools.pairwise(labels))


def loss_by_paths(log_probabilities: Tensor, labels: Sequence[int]) -> Tensor:
    """-log p(l | x), p(l | x) = sum over pi in B^-1(l) of prod_t y^t_(pi_t), term by term; for a handful of steps.

    Args:
        log_probabilities: log y, (time, symbols), the blank at 0.
        labels: l, none of them the blank.

    Returns:
        A scalar; infinite where no path of this length exists.

    Source: Graves et al. (2006), equations 2 and 3.
    """
    time, symbols = log_probabilities.shape
    steps = torch.arange(time)
    terms = [log_probabilities[steps, list(path)].sum() for path in paths(labels, time, symbols)]
    return -torch.stack(terms).logsumexp(0) if terms else log_probabilities.new_tensor(math.inf)


def loss_by_recursion(log_probabilities: Tensor, labels: Sequence[int]) -> Tensor:
    """-log p(l | x) by the forward variables, in float64 whatever comes in.

        l' = - l_1 - l_2 - ... l_U -                            blanks between all labels and around them
        a_1(1) = y^1_-,  a_1(2) = y^1_(l_1)
        a_t(s) = (a_(t-1)(s) + a_(t-1)(s-1) + [l'_s is a label other than l'_(s-2)] a_(t-1)(s-2)) y^t_(l'_s)
        p(l | x) = a_T(2U + 1) + a_T(2U)

    Arguments and result as for `loss_by_paths`. Source: Graves et al. (2006), equations 5-8.
    """
    log_y = log_probabilities.double()
    padded = [BLANK, *itertools.chain.from_iterable((label, BLANK) for label in labels)]
    if not len(log_y):
        return log_y.new_tensor(math.inf if labels else 0.0)
    skips = [s > 1 and label not in (BLANK, padded[s - 2]) for s, label in enumerate(padded)]
    nothing = log_y.new_tensor(-math.inf)
    a = [log_y[0, label] if s < 2 else nothing for s, label in enumerate(padded)]
    for y_t in log_y[1:]:
        before = a
        a = []
        for s, label in enumerate(padded):
            terms = [before[s], *(before[s - 1 : s] if s else []), *([before[s - 2]] if skips[s] else [])]
            terms = [term for term in terms if term > -math.inf]  # log(0 + 0) is right, its gradient is not
            a.append(torch.stack(terms).logsumexp(0) + y_t[label] if terms else nothing)
    ends = [term for term in a[-2:] if term > -math.inf]
    return -torch.stack(ends).logsumexp(0) if ends else -nothing
