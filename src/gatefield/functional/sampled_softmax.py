"""A softmax over very many classes, whose sum is estimated from a sample of them."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor


@functools.cache
def zipf(classes: int) -> Tensor:
    """How probable each class is by Zipf's law, the most frequent class first; float64 (classes,).

    q_k = log(1 + 1 / (k + 1)) / log(classes + 1),  k = 0, 1, ..
    """
    ranks = torch.arange(1, classes + 1, dtype=torch.float64)
    return torch.log1p(1 / ranks) / math.log(classes + 1)


@functools.cache
def inclusion(classes: int, samples: int) -> Tensor:
    """The chance that a class is among ``samples`` draws by Zipf's law: 1 - (1 - q_k)^samples, float64 (classes,)."""
    return -torch.expm1(samples * torch.log1p(-zipf(classes)))


def sampled_log_likelihood(
    h: Tensor, targets: Tensor, weight: Tensor, bias: Tensor, samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """log softmax(W h + b) at the targets, with the sum over all classes estimated from those in a sample S.

        log p(y | h) ~ s_y - log( exp s_y + sum over k in S, k != y, of exp(s_k) / pi_k ),     s = W h + b

    Each class is in S or not, whatever the others are, with chance pi_k (`inclusion`); S is one for all rows. The sum
    is right on average, and exact where S has every class.

    Args:
        h: (n, width).
        targets: int64 (n,).
        weight: W, (classes, width), and
        bias: b, (classes,); classes come in the order of their frequency, the most frequent first.
        samples: draws whose different classes S would have on average.
        generator: draws S; None: torch's own.

    Returns:
        (n,). Only the rows of W and b in S or among the targets are read.

    Source: Botev, Zheng and Barber (2017), complementary sum sampling; the distribution of candidates: the
    log-uniform one of Jozefowicz et al. (2016), section 3.1. Departs from the paper: classes are drawn without
    replacement, so that frequent ones are always there, and once.
    """
    classes = len(weight)
    pi = inclusion(classes, samples).to(h)
    sample = (torch.rand(classes, generator=generator, device=h.device) < pi).nonzero().flatten()
    count = len(sample)
    read, place = torch.cat([sample, targets]).unique(return_inverse=True)  # one gather, and one gradient of W
    w, b = F.embedding(read, weight), bias[read]
    own, others = place[count:], place[:count]
    s_y = (h * w[own]).sum(1) + b[own]
    s = torch.addmm(b[others] - pi[sample].log(), h, w[others].T)
    column = torch.full((classes,), -1, device=h.device)
    column[sample] = torch.arange(count, device=h.device)
    column = column[targets]
    drawn = (column >= 0).nonzero().flatten()
    s[drawn, column[drawn]] = -math.inf  # the target's own term is exact already
    return s_y - torch.logaddexp(s_y, s.logsumexp(1))
