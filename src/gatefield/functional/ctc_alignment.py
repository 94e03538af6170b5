"""When each label is said: the most probable path among those that spell a given labelling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.errors import InputError
from .ctc_paths import BLANK


class Span(NamedTuple):
    """A label is said in the frames ``start`` .. ``stop`` - 1."""

    start: int
    stop: int


def aligned(log_probabilities: Tensor, labels: Sequence[int]) -> list[Span]:
    """The frames of each label on the path argmax of sum_t log y^t_(pi_t) over pi in B^-1(labels).

        v_1(1) = log y^1_-,  v_1(2) = log y^1_(l_1)
        v_t(s) = log y^t_(l'_s) + max( v_(t-1)(s), v_(t-1)(s-1), [l'_s is a label other than l'_(s-2)] v_(t-1)(s-2) )

    with l' = - l_1 - l_2 - ... l_U -: the forward variables of CTC with a maximum for the sum. Of equally probable
    paths, that which stays longest is taken, from the end.

    Args:
        log_probabilities: log y, (time, symbols), the blank at 0.
        labels: none of them the blank.

    Raises:
        InputError: no path of so few frames spells the labels, or all of them are impossible.

    Reference: Graves et al. (2006), equations 5-8; Viterbi (1967).
    """
    if not labels:
        return []
    time, device = len(log_probabilities), log_probabilities.device
    padded = torch.full((2 * len(labels) + 1,), BLANK, device=device)
    padded[1::2] = torch.as_tensor(labels, device=device)
    skips = torch.zeros(len(padded), dtype=torch.bool, device=device)
    skips[2:] = (padded[2:] != BLANK) & (padded[2:] != padded[:-2])
    emitted = log_probabilities[:, padded].double()
    v = emitted.new_full((len(padded),), -torch.inf)
    came = torch.zeros(time, len(padded), dtype=torch.int64, device=device)
    for t in range(time):
        if t:
            by_one, by_two = v.roll(1), v.roll(2).masked_fill(~skips, -torch.inf)
            by_one[0] = -torch.inf
            v, came[t] = torch.stack([v, by_one, by_two]).max(0)
            v = v + emitted[t]
        else:
            v[:2] = emitted[0, :2]
    s = len(padded) - 1 if time and v[-1] >= v[-2] else len(padded) - 2
    if not time or v[s] == -torch.inf:
        raise InputError(
            f"no path through {time} frames says these {len(labels)} labels",
            hint="use fewer or smaller strides, or another labelling",
        )
    path = []
    for t in reversed(range(time)):
        path.append(s)
        s -= int(came[t, s])
    places = torch.tensor(path[::-1])
    frames = [(places == 2 * number + 1).nonzero().flatten() for number in range(len(labels))]
    return [Span(int(found[0]), int(found[-1]) + 1) for found in frames]
