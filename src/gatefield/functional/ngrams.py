"""Counts of symbols after the last few symbols, smoothed: the language model before networks (catalogue 132)."""

from __future__ import annotations

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import ArgumentError

Numbers = NDArray[numpy.int64]
_UNSEEN = -1


class NGrams:
    """Language models that look back at the last 0, 1, .. N symbols, each smoothed by the shorter one.

        p_k(s | c_1 .. c_k) = (n(c, s) + T(c) p_(k-1)(s | c_2 .. c_k)) / (n(c) + T(c)),   p_(-1)(s) = 1 / vocabulary

    n(c, s) counts s after c in the training text, n(c) anything after c, and T(c) the different symbols after c. After
    a context that never occurred, p_k is p_(k-1).

    Args:
        ids: int64 (time,), the training text, numbers in [0, vocabulary).
        vocabulary: how many symbols there are.
        history: N, 0 or more.

    Raises:
        ArgumentError: numbers that are no symbols, or a negative history.

    Reference: Witten and Bell (1991), method C, as the interpolation of Chen and Goodman (1999).
    """

    def __init__(self, ids: Tensor, vocabulary: int, history: int) -> None:
        if history < 0:
            raise ArgumentError(f"a history of {history} symbols", hint="give 0 or more", path=("history",))
        self.vocabulary, self.history = vocabulary, history
        self._levels: list[_Level] = []
        text = self._symbols(ids)
        contexts = numpy.zeros_like(text)  # of no symbol: one for all
        for k in range(history + 1):
            self._levels.append(_Level(contexts, len(self._levels[-1].pairs) if k else 1, text, vocabulary))
            contexts = self._levels[-1].longer(contexts, text)

    def log_probabilities(self, ids: Tensor) -> Tensor:
        """Of each symbol of a text under each model.

        Args:
            ids: int64 (time,).

        Returns:
            float64 (history + 1, time): row k looks back at k symbols, or as many as the text has before.
        """
        text = self._symbols(ids)
        contexts, p = numpy.zeros_like(text), numpy.full(len(text), 1 / self.vocabulary)
        rows = []
        for level in self._levels:
            p = level.smooth(contexts, text, p)
            rows.append(p)
            contexts = level.longer(contexts, text)
        return torch.from_numpy(numpy.log(numpy.stack(rows)))

    def distribution(self, context: Tensor) -> Tensor:
        """Probabilities of every symbol after ``context`` (time,), of which the last ``history`` matter: float64."""
        tail = self._symbols(context)[len(context) - min(len(context), self.history) :]
        texts = [numpy.append(tail, symbol) for symbol in range(self.vocabulary)]
        last = [self.log_probabilities(torch.from_numpy(text))[-1, -1] for text in texts]
        return torch.stack(last).exp()

    def _symbols(self, ids: Tensor) -> Numbers:
        text = ids.numpy()
        if len(text) and not 0 <= text.min() <= text.max() < self.vocabulary:
            message = f"symbols from {text.min()} to {text.max()} in a vocabulary of {self.vocabulary}"
            raise ArgumentError(message, hint="number the symbols from 0", path=("ids",))
        return text


class _Level:
    """Counts after contexts of one length. Contexts are numbered; the number of one that never occurred is -1.

    Args:
        contexts: the number of the context before each symbol of ``text``.
        size: how many contexts there are.

    Attributes:
        pairs: context * vocabulary + symbol of every pair that occurs, rising; its place is its number, which is that
            of a context of the next level.
        counts: n(c, s) of each pair.
    """

    def __init__(self, contexts: Numbers, size: int, text: Numbers, vocabulary: int) -> None:
        self.vocabulary = vocabulary
        seen = contexts != _UNSEEN
        self.pairs, self.counts = numpy.unique(contexts[seen] * vocabulary + text[seen], return_counts=True)
        after = self.pairs // vocabulary
        self.kinds = numpy.bincount(after, minlength=size)  # T(c)
        self.totals = numpy.bincount(after, self.counts, minlength=size)  # n(c)

    def smooth(self, contexts: Numbers, text: Numbers, shorter: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """p_k of each symbol of ``text``, given p_(k-1)."""
        if not len(self.pairs):
            return shorter
        seen = contexts != _UNSEEN
        total, kinds = self.totals[contexts], self.kinds[contexts]
        place = self.find(contexts, text)
        count = numpy.where(place != _UNSEEN, self.counts[place], 0)
        p = (count + kinds * shorter) / numpy.maximum(total + kinds, 1)
        return numpy.where(seen & (total > 0), p, shorter)

    def find(self, contexts: Numbers, text: Numbers) -> Numbers:
        """The number of each pair of a context and the symbol after it."""
        if not len(self.pairs):
            return numpy.full_like(text, _UNSEEN)
        wanted = contexts * self.vocabulary + text
        place = numpy.searchsorted(self.pairs, wanted).clip(max=len(self.pairs) - 1)
        return numpy.where((contexts != _UNSEEN) & (self.pairs[place] == wanted), place, _UNSEEN)

    def longer(self, contexts: Numbers, text: Numbers) -> Numbers:
        """Numbers of the contexts one symbol longer: that of this length one symbol before, and the symbol there."""
        pairs = self.find(contexts, text)
        return numpy.concatenate([numpy.full(min(1, len(text)), _UNSEEN), pairs[:-1]])
