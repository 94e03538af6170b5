"""How probable the model finds sequences that are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from .decoder import Request
from .hypothesis import Hypothesis
from .length_penalty import LengthPenalty, NoPenalty
from .stepper import Stepper, accumulator, advance, at_step, require_distribution


@torch.no_grad()
def forced(
    stepper: Stepper,
    state: Any,
    targets: Sequence[Sequence[Sequence[int]]],
    begin: int | Tensor,
    end: int | None,
    length_penalty: LengthPenalty | None = None,
) -> list[list[Hypothesis]]:
    """Force the stepper along given sequences and read off what it thinks of them.

        log P(Y | X) = sum_t log p(y_t | y_<t, x)

    Args:
        state: what ``stepper.start`` gave: n sentences with one hypothesis each.
        targets: for each sentence any number of sequences, without begin and end symbol; what a decoder returns has
            this form once ``tokens`` is taken of each hypothesis.
        begin: the symbol that is read first, or one a sentence, (n,).
        end: the symbol that each sequence ends with; None if it ends with its last symbol.
        length_penalty: the score is the log-probability divided by it; none by default.

    Returns:
        A hypothesis for each target, in their order. A sequence that the model thinks impossible has -inf.

    Raises:
        ArgumentError: a symbol outside the vocabulary, or not as many lists of targets as sentences.
        DivergenceError: as `Decoder.decode`.
    """
    penalty = NoPenalty() if length_penalty is None else length_penalty
    request = Request.of(state, begin, end, 0)
    count, device = len(request.begin), request.begin.device
    if len(targets) != count:
        hint = "give a list of sequences for every sentence"
        raise ArgumentError(f"there are targets for {len(targets)} of {count} sentences", hint=hint, path=("targets",))
    width = max(map(len, targets), default=0)
    closing = [] if end is None else [end]
    paths = [[[*map(int, target), *closing] for target in row] for row in targets]
    lengths = torch.tensor([[len(path) for path in row] + [0] * (width - len(row)) for row in paths], device=device)
    steps = int(lengths.max()) if width else 0
    filled = [[path + [0] * (steps - len(path)) for path in row] + [[0] * steps] * (width - len(row)) for row in paths]
    symbols = torch.tensor(filled, dtype=torch.int64, device=device).view(count, width, steps)
    if symbols.numel() and symbols.min() < 0:
        raise ArgumentError(f"a target holds {int(symbols.min())}", hint=_RANGE, path=("targets",))
    found = torch.zeros(count, width, steps, dtype=accumulator(device), device=device)
    everyone = torch.arange(count, device=device)
    tokens, parents = request.begin[:, None], symbols.new_zeros(count, 1)
    for step in range(steps):
        log_probabilities, state = advance(stepper.step, tokens, stepper.reorder(state, everyone, parents), step)
        vocabulary = log_probabilities.shape[2]
        if step == 0:
            request.require_vocabulary(vocabulary)
            if symbols.max() >= vocabulary:
                message = f"a target holds {int(symbols.max())}, and the vocabulary has {vocabulary} symbols"
                raise ArgumentError(message, hint=_RANGE, path=("targets",))
        counts = lengths[:, : tokens.shape[1]] > step if step else torch.ones_like(tokens, dtype=torch.bool)
        require_distribution(log_probabilities, counts, at_step(step, everyone))
        tokens = symbols[..., step]
        found[..., step] = log_probabilities.expand(-1, width, -1).gather(2, tokens[..., None]).squeeze(2)
        parents = torch.arange(width, device=device).expand(count, -1) if step else parents.expand(-1, width)
    totals = found.masked_fill(torch.arange(steps, device=device) >= lengths[..., None], 0).sum(2)
    scores = totals / penalty.divisor(lengths.to(totals.dtype))
    results = []
    for row, *columns in zip(paths, totals.tolist(), scores.tolist(), found.tolist()):
        results.append([])
        for path, total, score, values in zip(row, *columns):
            tokens_of = tuple(path[: len(path) - len(closing)])
            results[-1].append(Hypothesis(tokens_of, score, total, end is not None, tuple(values[: len(path)])))
    return results


_RANGE = "symbols are whole numbers in [0, vocabulary)"
