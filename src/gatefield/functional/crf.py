"""Linear-chain conditional random fields: all tag sequences of a sentence at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..core.errors import InputError
from .lengths import inside

#: Score of what may not be: exp of it is 0, and yet it is finite, as are its gradients.
FORBIDDEN = -1e4


class LinearChain(NamedTuple):
    """The scores of all tag sequences y of a batch of sentences x.

        s(x, y) = begin[y_1] + sum_t emissions[t, y_t] + sum_t>1 transitions[y_(t-1), y_t] + end[y_T]
        p(y | x) = exp(s(x, y)) / Z(x),  Z(x) = sum over y of exp(s(x, y))

    Attributes:
        emissions: (batch, time, tags).
        lengths: int64 (batch,), steps of each sentence.
        transitions: (tags, tags), from the row's tag to the column's.
        begin, end: (tags,).

    Source: Lafferty, McCallum and Pereira (2001), section 3; Lample et al. (2016), section 2.2.
    """

    emissions: Tensor
    lengths: Tensor
    transitions: Tensor
    begin: Tensor
    end: Tensor


def score(chain: LinearChain, tags: Tensor) -> Tensor:
    """s(x, y) of the tags y (batch, time), int64; what lies beyond a sentence's length is not read. (batch,)."""
    emissions, lengths, transitions, begin, end = chain
    batch, time = emissions.shape[:2]
    if tags.shape != (batch, time):
        message = f"the tags have shape {tuple(tags.shape)}"
        raise InputError(message, hint=f"give {(batch, time)}, one for each step of the emissions")
    if not time:
        return emissions.new_zeros(batch)
    within = inside(lengths, time)
    tags = tags.masked_fill(~within, 0)
    steps = emissions.gather(2, tags[:, :, None])[:, :, 0]
    steps = steps + torch.cat([begin[tags[:, :1]], transitions[tags[:, :-1], tags[:, 1:]]], 1)
    last = tags.gather(1, (lengths - 1).clamp(min=0)[:, None])[:, 0]
    return steps.masked_fill(~within, 0).sum(1) + end[last].masked_fill(lengths == 0, 0)


def log_partition(chain: LinearChain) -> Tensor:
    """log Z(x) of each sentence, (batch,), by the forward recursion; 0 for a sentence of no steps.

        a_1(j) = begin_j + e_1j,   a_t(j) = e_tj + log sum_i exp(a_(t-1)(i) + A_ij)
        log Z = log sum_j exp(a_T(j) + end_j)

    T steps of tags^2 operations, where there are tags^T sequences.
    """
    emissions, lengths, transitions, begin, end = chain
    if not emissions.shape[1]:
        return emissions.new_zeros(len(emissions))
    steps = emissions.unbind(1)
    a = begin + steps[0]
    moving = inside(lengths, len(steps)).unbind(1)
    for e_t, moves in zip(steps[1:], moving[1:]):
        a = torch.where(moves[:, None], e_t + (a[:, :, None] + transitions).logsumexp(1), a)
    return (a + end).logsumexp(1).masked_fill(lengths == 0, 0)


def viterbi(chain: LinearChain, beyond: int = -100) -> tuple[Tensor, Tensor]:
    """The likeliest tags of each sentence, and their score.

    Args:
        chain: the scores; no gradient flows.
        beyond: stands beyond a sentence's length.

    Returns:
        tags (batch, time), int64, and s(x, tags), (batch,).

    Source: Viterbi (1967); the recursion of `log_partition` with the maximum in place of the sum.
    """
    emissions, lengths, transitions, begin, end = (part.detach() for part in chain)
    batch, time = emissions.shape[:2]
    if not time:
        return lengths.new_zeros(batch, 0), emissions.new_zeros(batch)
    steps, moving = emissions.unbind(1), inside(lengths, time).unbind(1)
    best, back = begin + steps[0], []
    stay = torch.arange(emissions.shape[2], device=emissions.device).expand(batch, -1)
    for e_t, moves in zip(steps[1:], moving[1:]):
        arrived, came = (best[:, :, None] + transitions).max(1)
        best = torch.where(moves[:, None], arrived + e_t, best)
        back.append(torch.where(moves[:, None], came, stay))
    found, tag = (best + end).max(1)
    tags = [tag]
    for came in reversed(back):
        tag = came.gather(1, tag[:, None])[:, 0]
        tags.append(tag)
    path = torch.stack(tags[::-1], 1).masked_fill(~inside(lengths, time), beyond)
    return path, found.masked_fill(lengths == 0, 0)


def marginals(chain: LinearChain) -> Tensor:
    """p(y_t = j | x), (batch, time, tags), zero beyond a sentence's length: the derivative of log Z by emissions."""
    with torch.enable_grad(), torch.inference_mode(False):
        emissions = chain.emissions.detach().clone().requires_grad_()
        rest = (part.detach().clone() for part in chain[1:])
        log_z = log_partition(LinearChain(emissions, *rest)).sum()
        (gradient,) = torch.autograd.grad(log_z, emissions)
    return gradient


def bio_constraints(tags: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Which tags may follow which where chunks are written B-kind, I-kind, I-kind and all else O.

    I-kind continues a chunk: it follows B-kind or I-kind of the same kind, and never begins a sentence.

    Returns:
        Bool (tags, tags), whether the column's tag may follow the row's, and (tags,), whether one may begin a sentence.

    Raises:
        InputError: a tag that is not O, B-... or I-..., or an I- whose B- is missing.

    Source: Ramshaw and Marcus (1995), as IOB2.
    """
    for tag in tags:
        if tag != "O" and tag[:2] not in ("B-", "I-"):
            raise InputError(f"the tag '{tag}' is not BIO", hint="write O, B-kind and I-kind")
        if tag.startswith("I-") and f"B-{tag[2:]}" not in tags:
            raise InputError(f"the tag '{tag}' continues what never begins", hint=f"add 'B-{tag[2:]}'")
    kinds = [tag[2:] for tag in tags]
    follows = [
        [not after.startswith("I-") or (before != "O" and kinds[i] == kinds[j]) for j, after in enumerate(tags)]
        for i, before in enumerate(tags)
    ]
    return torch.tensor(follows), torch.tensor([not tag.startswith("I-") for tag in tags])
