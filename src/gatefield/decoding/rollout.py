"""Follow hypotheses that do not compete: one choice a step, until the end symbol or the limit."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from .constraints import ConstraintStates
from .decoder import Request
from .hypothesis import Hypothesis
from .stepper import Stepper, accumulator, advance, at_step, require_distribution

Choice = Callable[[Tensor, Tensor, int], Tensor]
"""Log-probabilities (m, w, vocabulary), numbers of the sentences (m,), step -> symbols (m, w)."""


@torch.no_grad()
def roll_out(
    stepper: Stepper,
    state: Any,
    request: Request,
    count: int,
    choose: Choice,
) -> list[list[Hypothesis]]:
    """``count`` hypotheses a sentence, in the order in which they were begun.

    A sentence whose hypotheses have all ended leaves the batch. A hypothesis for which constraints leave nothing to
    say stops unfinished.

    Args:
        choose: takes one symbol for each hypothesis; the probability of what may not be said is 0.
    """
    sentences, device = len(request.begin), request.begin.device
    automata = ConstraintStates(request.constraints, sentences, device)
    if automata.demands:
        message = "hypotheses that do not compete cannot be kept on the way to what they must say"
        raise ArgumentError(message, hint="search by beam, or leave the constraint out", path=("constraints",))
    alive, tokens = torch.arange(sentences, device=device), request.begin[:, None]
    parents = torch.zeros_like(tokens)
    lengths = torch.zeros(sentences, count, dtype=torch.int64, device=device)  # steps, with the one of the end symbol
    finished, stopped = (torch.zeros(sentences, count, dtype=torch.bool, device=device) for _ in range(2))
    steps: list[tuple[Tensor, Tensor]] = []
    for step in itertools.count():
        rows = ((request.limits[alive] > step) & ~stopped[alive].all(1)).nonzero().flatten()
        if not len(rows):
            return _hypotheses(steps, lengths, finished, sentences, count)
        before, alive, tokens, parents = len(alive), alive[rows], tokens[rows], parents[rows]
        automata.keep(rows)
        if step == 1 or len(rows) < before:  # otherwise everyone stays in place
            state = stepper.reorder(state, rows, parents)
        log_probabilities, state = advance(stepper.step, tokens, state, step)
        if step == 0:
            request.require_vocabulary(log_probabilities.shape[2])
        require_distribution(log_probabilities, ~stopped[alive, : tokens.shape[1]], at_step(step, alive))
        allowed = automata.apply(log_probabilities)
        if step < request.minimum:
            allowed = allowed.index_fill(2, torch.tensor([request.end], device=device), -torch.inf)
        if step == 0:  # from here on every hypothesis goes its own way
            allowed = allowed.expand(-1, count, -1)
        parents = (
            torch.arange(allowed.shape[1], device=device).expand(len(alive), -1) if step else parents.expand(-1, count)
        )
        tokens = choose(allowed, alive, step)
        chosen = allowed.gather(2, tokens[..., None]).squeeze(2).to(accumulator(device))

        open_ = ~stopped[alive] & (chosen > -torch.inf)
        ended = open_ & (tokens == (-1 if request.end is None else request.end))
        lengths[alive] += open_
        finished[alive] |= ended
        stopped[alive] = ~open_ | ended
        said = torch.zeros(sentences, count, dtype=torch.int64, device=device).index_copy(0, alive, tokens)
        steps.append((said, chosen.new_zeros(sentences, count).index_copy(0, alive, chosen)))
        automata.advance(parents, tokens)
    raise AssertionError("a roll-out ends when its limits are reached")


def _hypotheses(
    steps: list[tuple[Tensor, Tensor]], lengths: Tensor, finished: Tensor, sentences: int, count: int
) -> list[list[Hypothesis]]:
    if not steps:
        return [[Hypothesis((), 0.0, 0.0, False)] * count for _ in range(sentences)]
    tokens, log_probabilities = (torch.stack(column, 2).tolist() for column in zip(*steps))
    results = []
    for rows in zip(tokens, log_probabilities, lengths.tolist(), finished.tolist()):
        hypotheses = []
        for symbols, values, length, ended in zip(*rows):
            path = tuple(values[:length])
            total = float(sum(path))
            hypotheses.append(Hypothesis(tuple(symbols[: length - ended]), total, total, ended, path))
        results.append(hypotheses)
    return results
