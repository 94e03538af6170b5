"""Bounded gradients."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from .settings import Training


def clip(model: nn.Module, settings: Training) -> None:
    """Bound the gradient of ``model`` as ``settings`` ask, or leave it.

    By norm: g <- g min(1, clip_norm / |g|). By value: g_i <- min(max(g_i, -clip_value), clip_value).
    """
    if settings.clip_norm is not None:
        clip_grad_norm_(model.parameters(), settings.clip_norm)
    elif settings.clip_value is not None:
        clip_grad_value_(model.parameters(), settings.clip_value)
