"""Chances for explainers: as log-odds, which add up."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...models.sequence.sequence_predictor import SequencePredictor

#: What a number in log-odds is worth, for captions.
WORTH = "in log-odds: near even chances 0.1 of them is 2.5 percentage points"


class LogOdds(nn.Module):
    """log p / (1 - p) of each class at every step of a network that chooses one of several.

        log p_c / (1 - p_c) = z_c - log sum over j != c of exp z_j

    What contributes to z_c alone may contribute as much to every other class; what contributes to the odds does not.
    Of two classes they are the difference of the scores.

    Args:
        network: puts out z, (rows, time, classes), before softmax.
    """

    def __init__(self, network: SequencePredictor) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(rows, time, classes)."""
        return log_odds(self.network(x, lengths)[0])


def log_odds(z: Tensor) -> Tensor:
    """z_c - log sum over j != c of exp z_j, along the last axis."""
    own = torch.eye(z.shape[-1], dtype=torch.bool, device=z.device)
    return z - z[..., None, :].masked_fill(own, -math.inf).logsumexp(-1)


def until(heat: Tensor, position: int | None) -> Tensor:
    """``heat`` (time, ...) of a network that reads forward only: nothing after ``position`` counts for its answer.

    Of maps of a layer, which are about a whole sequence, this takes away what the layer does later.
    """
    if position is None:
        return heat
    return torch.cat([heat[: position + 1], torch.zeros_like(heat[position + 1 :])])
