"""How far a hypothesis is from what is right, in insertions, deletions and substitutions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy


class Edits(NamedTuple):
    """What turns references into hypotheses, in as few steps as there can be.

    Attributes:
        substitutions, deletions, insertions: how many of each.
        length: symbols of the references.
    """

    substitutions: int
    deletions: int
    insertions: int
    length: int

    @property
    def errors(self) -> int:
        """All steps: the Levenshtein distance."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors a symbol of the references: above 1 where much is inserted; of nothing, the number of errors."""
        return self.errors / max(self.length, 1)


def distances(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> numpy.ndarray:
    """Levenshtein distances of all beginnings, int64 (n + 1, m + 1):

        D_i0 = i,  D_0j = j,  D_ij = min( D_i-1,j + 1,  D_i,j-1 + 1,  D_i-1,j-1 + [r_i != h_j] )

    A row is computed at once: what a step to the right can do, D_ij = min_{k <= j} (d_ik + j - k) with d_i the other
    two terms, is a running minimum of d_ik - k.

    Reference: Wagner and Fischer (1974), The string-to-string correction problem.
    """
    numbers: dict[Hashable, int] = {}
    r, h = (numpy.array([numbers.setdefault(s, len(numbers)) for s in part], int) for part in (reference, hypothesis))
    j = numpy.arange(len(h) + 1)
    D = numpy.empty((len(r) + 1, len(h) + 1), numpy.int64)
    D[0] = j
    for i, symbol in enumerate(r, 1):
        d = D[i - 1] + 1
        numpy.minimum(d[1:], D[i - 1, :-1] + (h != symbol), out=d[1:])
        D[i] = numpy.minimum.accumulate(d - j) + j
    return D


def align(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> list[tuple[int | None, int | None]]:
    """Places of both that stand opposite each other, in order, along a shortest path of edits.

    ``(i, j)`` is a match or a substitution, ``(i, None)`` a deletion, ``(None, j)`` an insertion. Where several paths
    are equally short, what is opposite each other is preferred to a deletion, and that to an insertion, from the end.
    """
    D, pairs = distances(reference, hypothesis), []
    i, j = len(reference), len(hypothesis)
    while i or j:
        if i and j and D[i, j] == D[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and D[i, j] == D[i - 1, j] + 1:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1]


def edits(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> Edits:
    """The edits of one pair: of characters where texts are given, of words where lists of words are.

    The kinds are those of `align`; only their sum is the same for all shortest paths.
    """
    pairs = align(reference, hypothesis)
    deleted = sum(j is None for _, j in pairs)
    inserted = sum(i is None for i, _ in pairs)
    changed = sum(i is not None and j is not None and reference[i] != hypothesis[j] for i, j in pairs)
    return Edits(changed, deleted, inserted, len(reference))


def total_edits(pairs: Iterable[tuple[Sequence[Hashable], Sequence[Hashable]]]) -> Edits:
    """The sums over all (reference, hypothesis): their `rate` is the word or character error rate of a corpus."""
    found = [edits(*pair) for pair in pairs]
    return Edits(*(sum(column) for column in zip(*found))) if found else Edits(0, 0, 0, 0)
