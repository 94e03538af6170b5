"""A few of many, spread evenly."""

from __future__ import annotations

import torch
from torch import Tensor


def spread_over(total: int, count: int) -> Tensor:
    """At most ``count`` whole numbers from 0 to ``total`` - 1, evenly spread, first and last among them; int64."""
    return torch.linspace(0, total - 1, min(count, total)).round().long() if total else torch.arange(0)
