"""Scale a whole set of images in memory."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

_CHUNK = 1024


def resized(images: Tensor, size: int | None) -> Tensor:
    """uint8 ``images`` (count, channels, height, width) scaled to ``size`` x ``size``, bilinear with antialiasing.

    The images as they are where ``size`` is None or their own.
    """
    if size is None or tuple(images.shape[2:]) == (size, size):
        return images
    out = torch.zeros(*images.shape[:2], size, size, dtype=torch.uint8)
    for rows, scaled in zip(images.split(_CHUNK), out.split(_CHUNK)):
        pixels = interpolate(rows.float(), (size, size), mode="bilinear", antialias=True, align_corners=False)
        scaled.copy_(pixels.round_().clamp_(0, 255))
    return out
