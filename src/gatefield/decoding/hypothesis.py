"""What decoding returns."""

from __future__ import annotations

from typing import NamedTuple


class Hypothesis(NamedTuple):
    """One decoded sequence. Decoders return a list of them for each sentence, best first.

    Attributes:
        tokens: the symbols, without the begin and the end symbol.
        score: what hypotheses of one sentence are ranked by: ``log_probability`` after length and coverage penalty.
        log_probability: sum over the steps, natural logarithm.
        finished: whether the end symbol was reached; False where the limit came first.
        log_probabilities: of each step; of a finished hypothesis the last one is the end symbol's. Empty where a
            sequence has no probability step by step (CTC).
    """

    tokens: tuple[int, ...]
    score: float
    log_probability: float
    finished: bool
    log_probabilities: tuple[float, ...] = ()
