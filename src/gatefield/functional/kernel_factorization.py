"""Kernels that are a column times a row, and convolutions as a vertical and a horizontal one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..core.errors import ArgumentError


class SeparatedConvolution(NamedTuple):
    """Weights of a vertical convolution (rank, in, height, 1) and of the horizontal one (out, rank, 1, width) on it."""

    vertical: Tensor
    horizontal: Tensor


def kernel_rank(kernel: Tensor, tolerance: float = 1e-6) -> int:
    """How many products column x row it takes to build ``kernel`` (height, width).

    Args:
        kernel: one two-dimensional kernel.
        tolerance: singular values below this share of the largest count as zero.
    """
    singular = torch.linalg.svdvals(_matrix(kernel))
    return int((singular > tolerance * singular.max()).sum())


def factorize_kernel(kernel: Tensor, tolerance: float = 1e-6) -> tuple[Tensor, Tensor]:
    """Column c and row r with kernel = c r^T, scaled so that the smallest weight of c is 1 (catalogue 17 and 48).

    The Sobel kernel gives [1, 2, 1] and [-1, 0, 1]: 6 weights and multiplications in place of 9.

    Args:
        kernel: (height, width), of rank one.
        tolerance: see `kernel_rank`.

    Raises:
        ArgumentError: the kernel is not separable, or zero.
    """
    rank = kernel_rank(kernel, tolerance)
    if rank != 1:
        hint = "use `separate_convolution`, which takes several products"
        raise ArgumentError(f"a kernel of rank {rank} is not a column times a row", hint=hint, path=("kernel",))
    # the cross through the largest weight: exact where the weights are whole numbers, unlike singular vectors
    pivot = int(kernel.abs().argmax())
    row, column = pivot // kernel.shape[1], pivot % kernel.shape[1]
    share = kernel[:, column] / kernel[row, column]
    smallest = share[share.abs() > tolerance].abs().min()
    return share / smallest, kernel[row] * smallest


def separate_convolution(weight: Tensor, rank: int) -> SeparatedConvolution:
    """The best sum of ``rank`` products for all kernels of a convolution at once: one vertical, then one horizontal.

    min over V, H of  sum_oi | W_oi - sum_k V_ki H_ok^T |^2 ; exact with rank = min(in x height, out x width).

    Args:
        weight: (out_channels, in_channels, height, width).
        rank: channels between the two convolutions.

    Raises:
        ArgumentError: ``rank`` is outside [1, min(in x height, out x width)].

    Source: Jaderberg, Vedaldi and Zisserman (2014), equation 4, solved by the singular value decomposition.
    """
    to, of, height, width = weight.shape
    largest = min(of * height, to * width)
    if not 1 <= rank <= largest:
        raise ArgumentError(f"rank {rank} is outside [1, {largest}]", hint="give a rank inside", path=("rank",))
    u, s, v = torch.linalg.svd(weight.permute(1, 2, 0, 3).reshape(of * height, to * width), full_matrices=False)
    scale = s[:rank].sqrt()
    vertical = (u[:, :rank] * scale).T.reshape(rank, of, height, 1)
    horizontal = (scale[:, None] * v[:rank]).reshape(rank, to, width).permute(1, 0, 2).unsqueeze(2)
    return SeparatedConvolution(vertical.contiguous(), horizontal.contiguous())


def _matrix(kernel: Tensor) -> Tensor:
    if kernel.dim() != 2:
        hint = "give one kernel (height, width)"
        raise ArgumentError(f"the kernel has {kernel.dim()} axes", hint=hint, path=("kernel",))
    return kernel
