"""Cut one window of its own out of each image of a batch."""

from __future__ import annotations

import torch
from torch import Tensor


def windows(images: Tensor, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """(count, channels, height, width): of image ``i`` the window whose corner is (``top[i]``, ``left[i]``)."""
    views = images.unfold(2, height, 1).unfold(3, width, 1)
    rows = torch.arange(len(images), device=images.device)
    return views[rows, :, top, left]
