"""Pictures read pixel by pixel, in their order or in one that is shuffled but the same for all."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.seeding import generator


def pixel_sequence(images: Tensor, permuted: bool = False, seed: int = 0) -> Tensor:
    """Pictures as sequences of their pixels, row by row: float32 (count, height * width, channels).

    Args:
        images: uint8 in [0, 255], which becomes [0, 1], or floating point, which stays; (count, height, width) or
            (count, channels, height, width).
        permuted: read the pixels in another order, the same for all pictures (`pixel_order`).
        seed: of that order.

    Raises:
        InputError: another number of axes.

    Source: Le, Jaitly and Hinton (2015), section 4.2 (sequential and permuted MNIST).
    """
    if images.dim() not in (3, 4):
        message = f"images have the shape {tuple(images.shape)}"
        raise InputError(message, hint="give (count, height, width) or (count, channels, height, width)")
    x = images[:, None] if images.dim() == 3 else images
    x = x.float() / 255 if x.dtype == torch.uint8 else x.float()
    steps = x.flatten(2).transpose(1, 2)
    return steps[:, pixel_order(steps.shape[1], seed).to(steps.device)] if permuted else steps


def pixel_order(pixels: int, seed: int = 0) -> Tensor:
    """The order in which a permuted sequence reads ``pixels`` pixels, int64."""
    return torch.randperm(pixels, generator=generator(seed, "pixel order", pixels))
