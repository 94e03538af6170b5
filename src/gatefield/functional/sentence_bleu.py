"""How much of a short text is in another, by n-grams."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence


def sentence_bleu(said: Sequence[Hashable], reference: Sequence[Hashable], longest: int = 4) -> float:
    """BLEU of one text, smoothed so that it is not 0 for want of a long n-gram.

        exp( min(0, 1 - r / c) + 1/N sum_n log p_n )      p_1 = m_1 / c      p_n = (m_n + 1) / (c - n + 2),  n > 1

    m_n counts the n-grams of what was said that the reference has too, c and r are the lengths.

    Returns:
        A number in [0, 1]; 1 for the reference itself, 0 where no symbol is right.

    Source: Papineni et al. (2002); Lin and Och (2004), section 4.
    """
    c, r = len(said), len(reference)
    found = [_common(said, reference, n) for n in range(1, longest + 1)]
    if not found[0]:
        return float(c == r == 0)
    logarithms = [math.log(found[0] / c)]
    logarithms += [math.log((found[n - 1] + 1) / max(c - n + 2, 1)) for n in range(2, longest + 1)]
    return math.exp(min(0.0, 1 - r / c) + sum(logarithms) / longest)


def _common(said: Sequence[Hashable], reference: Sequence[Hashable], n: int) -> int:
    mine, theirs = (Counter(tuple(text[k : k + n]) for k in range(len(text) - n + 1)) for text in (said, reference))
    return (mine & theirs).total()
