"""One step of a beam that must say certain phrases: hypotheses compete with those that have said as much of them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .constraints import ConstraintStates
from .groups import Continuations, without
from .lookahead import Lookahead
from .top import best_continuations


def continue_banks(
    ahead: Lookahead,
    scores: Tensor,
    automata: ConstraintStates,
    width: int,
    end: int | None,
    may_end: bool,
) -> tuple[Continuations, Continuations]:
    """The continuations that are followed and those that end, where phrases must be said.

    Candidates are the best continuations of all, the best one of each hypothesis, and those by a symbol with which a
    missing phrase begins or goes on. A bank is the candidates that have said equally many symbols of phrases. Places
    go round the banks, fullest first, each giving its best candidate that has none yet: all banks get equal shares,
    and what a bank cannot fill goes to the others. So some hypothesis always is one symbol farther than any before it,
    and all phrases are said as soon as their symbols are.

    Args and returns as `continue_groups`, with one group.

    Reference: Post and Vilar (2018), sections 3.1 and 3.2. Departs from the paper: shares go by turns.
    """
    _, w, vocabulary = ahead.values.shape
    of_each = torch.cat([ahead.values.argmax(2, keepdim=True), automata.wanted()], 2)
    hypotheses = torch.arange(w, device=scores.device)[:, None].expand_as(of_each)
    _, parents, tokens = best_continuations(ahead.values, ahead.maxima, scores - ahead.normalizers, 2 * width)
    parents = torch.cat([parents, hypotheses.flatten(1)], 1)
    tokens = torch.cat([tokens, of_each.flatten(1)], 1)
    none, tokens = tokens < 0, tokens.clamp(min=0)
    again = _repeated(parents * vocabulary + tokens)
    values = ahead.log_probabilities(parents, tokens).masked_fill(none | again, -torch.inf)
    candidates = Continuations(parents, tokens, values, scores.gather(1, parents) + values)
    candidates = _taken(candidates, candidates.scores.argsort(dim=1, descending=True, stable=True))
    missing = width - candidates.scores.shape[1]
    if missing > 0:
        columns = (F.pad(c, (0, missing), value=-torch.inf if c.is_floating_point() else 0) for c in candidates)
        candidates = Continuations(*columns)
    banks = automata.progress(candidates.parents, candidates.tokens)
    is_end = candidates.tokens == (-1 if end is None else end)
    live = _by_turns(without(candidates, is_end), banks, width)
    ended = _by_turns(candidates, banks, width)
    ended = without(ended, ended.tokens != end if may_end and end is not None else torch.ones_like(ended.tokens) > 0)
    return Continuations(*(c[:, None] for c in live)), Continuations(*(c[:, None] for c in ended))


def _repeated(keys: Tensor) -> Tensor:
    """Which of a row's ``keys`` (n, count) stood there before."""
    ordered, order = keys.sort(dim=1, stable=True)
    again = F.pad(ordered[:, 1:] == ordered[:, :-1], (1, 0))
    return torch.zeros_like(again).scatter(1, order, again)


def _by_turns(candidates: Continuations, banks: Tensor, width: int) -> Continuations:
    """``width`` of the candidates, best first; the candidates come best first too."""
    possible = candidates.scores > -torch.inf
    count, most = banks.shape[1], int(banks.max()) + 1 if banks.numel() else 1
    place = torch.arange(count, device=banks.device).expand_as(banks)
    by_bank = (torch.where(possible, banks, most) * count + place).argsort(dim=1)
    ordered = torch.where(possible, banks, most).gather(1, by_bank)
    first = torch.where(F.pad(ordered[:, 1:] != ordered[:, :-1], (1, 0)), place, 0).cummax(1).values
    turn = torch.zeros_like(place).scatter(1, by_bank, place - first)  # how many of its bank are better
    order = torch.where(possible, turn * most + (most - 1 - banks), most * count)
    chosen = order.argsort(dim=1, stable=True)[:, :width]
    return _taken(candidates, chosen.sort(dim=1).values)


def _taken(candidates: Continuations, places: Tensor) -> Continuations:
    return Continuations(*(column.gather(1, places) for column in candidates))
