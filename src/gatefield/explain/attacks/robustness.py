"""How a classifier holds out: against an attack of growing strength, and against shifts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ...core.errors import ArgumentError
from .attack import Attack
from .victim import Victim

ROWS = 256  # that one pass takes


class Robustness(NamedTuple):
    """Share of right answers (points,) at each strength (points,)."""

    strengths: Tensor
    accuracy: Tensor


def robustness_curve(
    victim: Victim, raw: Tensor, labels: Tensor, attack: Attack, budgets: Sequence[float]
) -> Robustness:
    """The accuracy under ``attack`` at each of ``budgets``: epsilons, in the units of ``raw``, or numbers of flips.

    Args:
        attack: one with a budget; all else is kept.

    Raises:
        ArgumentError: the attack has no budget.
    """
    shares = []
    for budget in budgets:
        stronger = attack.with_budget(budget)
        hits = []
        for rows in torch.arange(len(raw)).split(ROWS):
            part, own = victim.rows(rows), labels[rows]
            hits.append(part.predictions(stronger(part, raw[rows], own)) == own)
        shares.append(float(torch.cat(hits).double().mean()))
    return Robustness(torch.tensor(list(budgets), dtype=torch.float64), torch.tensor(shares, dtype=torch.float64))


def translation_robustness(
    victim: Victim, images: Tensor, labels: Tensor, reach: int, fill: float | None = None
) -> Tensor:
    """The accuracy when images move by (dy, dx) pixels, each from -reach to reach: (2 reach + 1, 2 reach + 1).

    "Moving 2 pixels" undoes a multilayer perceptron and hardly disturbs a convolutional network (catalogue 106).

    Args:
        images: raw (rows, channels, height, width).
        reach: at least 0, below height and width.
        fill: value of the pixels that move in; by default they repeat the border.

    Raises:
        ArgumentError: a reach that leaves nothing of the image, or no images.
    """
    if images.dim() != 4 or not 0 <= reach < min(images.shape[2:]):
        message = f"images of shape {tuple(images.shape[1:])} cannot move by {reach} pixels"
        raise ArgumentError(message, hint="give (rows, channels, height, width), moved by less than a side")
    size, (height, width) = 2 * reach + 1, images.shape[2:]
    hits = torch.zeros(size, size, dtype=torch.float64)
    for part, own in zip(images.split(ROWS), labels.split(ROWS)):
        border = [reach] * 4
        if fill is None:
            padded = functional.pad(part.float(), border, "replicate")
        else:
            padded = functional.pad(part.float(), border, value=fill)
        for dy in range(size):
            for dx in range(size):
                top, left = 2 * reach - dy, 2 * reach - dx
                moved = padded[:, :, top : top + height, left : left + width]
                hits[dy, dx] += float((victim.predictions(moved) == own).sum())
    return hits / len(images)
