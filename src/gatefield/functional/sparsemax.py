"""Sparsemax: a softmax that gives exact zeros."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def sparsemax(z: Tensor, dim: int = -1) -> Tensor:
    """The point of the probability simplex that is nearest to z: argmin_p |p - z|^2.

        p_i = max(z_i - tau(z), 0),    tau(z) = (sum_{j in S(z)} z_j - 1) / |S(z)|
        S(z) = the k(z) largest,       k(z) = max{k : 1 + k z_(k) > sum_{j <= k} z_(j)},    z_(1) >= z_(2) >= ...

    The gradient is exact, J^T g = s * (g - sum_{j in S} g_j / |S|) with s = 1 on the support S and 0 elsewhere, and can
    be differentiated again.

    Args:
        z: scores of any shape; -inf stands for what must get 0, but not along a whole row.
        dim: the axis that sums to 1.

    Returns:
        p, of the shape of z.

    Source: Martins and Astudillo (2016), proposition 1, algorithm 1 and equation 14.
    """
    return _Sparsemax.apply(z, dim)  # pyright: ignore[reportReturnType]


class _Sparsemax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, dim: int) -> Tensor:
        ctx.dim = dim
        if z.shape[dim] == 0:
            p = z.clone()
        else:
            z = z - z.amax(dim, keepdim=True)  # changes nothing, and keeps the sums small
            descending = z.sort(dim, descending=True).values
            sums = descending.cumsum(dim)
            shape = [1] * z.dim()
            shape[dim] = -1
            k = torch.arange(1, z.shape[dim] + 1, dtype=z.dtype, device=z.device).view(shape)
            size = (1 + k * descending > sums).sum(dim, keepdim=True).clamp_(min=1)  # 0 where there is a NaN
            tau = (sums.gather(dim, size - 1) - 1) / size
            p = (z - tau).clamp_(min=0)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (p,) = ctx.saved_tensors
        (g,) = gradients
        s = (p > 0).to(g.dtype)
        mean = (s * g).sum(ctx.dim, keepdim=True) / s.sum(ctx.dim, keepdim=True)
        return s * (g - mean), None
