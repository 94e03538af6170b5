"""Signs with a straight-through gradient, and weights as signs times a scale."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .correlation import correlation


def signs(x: Tensor) -> Tensor:
    """+1 where x >= 0, -1 where x < 0, NaN where x is; unlike ``torch.sign`` never 0, so that a bit can hold it."""
    return torch.where(x >= 0, 1.0, torch.where(x < 0, -1.0, x)).to(x.dtype)


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return signs(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() <= 1)


def straight_through_sign(x: Tensor) -> Tensor:
    """sign(x), with the gradient of a hard tanh in place of its own, which is zero: dL/dx = dL/dsign(x) 1_{|x| <= 1}.

    Source: Courbariaux et al. (2016), equation 4; Rastegari et al. (2016), section 3.1.
    """
    return _Sign.apply(x)  # pyright: ignore[reportReturnType]


def weight_scale(weight: Tensor) -> Tensor:
    """alpha = mean of |w| over each filter: the scale that brings alpha sign(W) closest to W.

    Args:
        weight: (filters, ...).

    Returns:
        One scale a filter, (filters,).

    Source: Rastegari et al. (2016), equation 6.
    """
    return weight.abs().flatten(1).mean(1)


class _WeightSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, alpha: Tensor) -> Tensor:
        ctx.save_for_backward(weight, alpha)
        return signs(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        weight, alpha = ctx.saved_tensors
        n, tiny = weight[0].numel(), torch.finfo(alpha.dtype).tiny
        scale = alpha.clamp(min=tiny).view(-1, *[1] * (weight.dim() - 1))
        # dL/dsign(w) is alpha dL/dw~
        return gradient / scale * (1 / n + scale * (weight.abs() <= 1)), None


def binary_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """sign(W) and alpha of W~ = alpha sign(W), with the gradient dL/dw_i = dL/dw~_i (1/n + 1_{|w_i| <= 1} alpha).

    n is the number of weights in a filter. Multiply what sign(W) computes by alpha: sums of signs are whole numbers,
    which floating point holds exactly. All of the gradient comes through sign(W); alpha has none of its own.

    Args:
        weight: W, (filters, ...).

    Returns:
        sign(W), (filters, ...), and alpha, (filters,).

    Source: Rastegari et al. (2016), section 3.1, "Training Binary-Weights-Networks", and algorithm 1.
    """
    alpha = weight_scale(weight).detach()
    return _WeightSign.apply(weight, alpha), alpha  # pyright: ignore[reportReturnType]


def input_scale(x: Tensor, kernel: tuple[int, int], stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
    """K = A * k, with A the mean of |x| over the channels and k a box of 1 / (kernel area): a scale for each window.

    Args:
        x: (batch, channels, height, width).
        kernel: (height, width) of the windows.
        stride: of the convolution.
        padding: of the convolution, cells of zeros on each side.
        groups: of the convolution; each has a scale of its own.

    Returns:
        (batch, groups, out_height, out_width).

    Source: Rastegari et al. (2016), section 3.2, equation 11.
    """
    batch, channels = x.shape[:2]
    area = x.abs().reshape(batch, groups, channels // groups, *x.shape[2:]).mean(2)
    box = x.new_full((groups, 1, *kernel), 1 / (kernel[0] * kernel[1]))
    return correlation(area, box, None, stride, padding, groups=groups)
