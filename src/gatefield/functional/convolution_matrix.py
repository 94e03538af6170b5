"""The convolution as the sparse matrix it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from .axes import per_axis
from .convolution_arithmetic import Window


def convolution_matrix(
    weight: Tensor,
    input_shape: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """The sparse matrix M with vec(W * x) = M vec(x), and so vec(dL/dx) = M^T vec(dL/dy) (catalogue 3).

    A 2x2 kernel on a 3x3 input gives 4 rows of 9, each with the four weights in other columns.

    Args:
        weight: (out_channels, in_channels, kernel...), for any number of spatial axes.
        input_shape: lengths of the spatial axes of x.
        stride: one for all axes, or one each.
        padding: cells of zeros on both sides.
        dilation: distance between two taps.

    Returns:
        A sparse COO tensor (out_channels x output cells, in_channels x input cells), differentiable in ``weight``.

    Raises:
        ArgumentError: the axes do not fit, or the input is smaller than the kernel.
    """
    kernel, axes = weight.shape[2:], weight.dim() - 2
    sizes = per_axis(list(input_shape), axes)
    windows = [Window(*each) for each in zip(kernel, *(per_axis(v, axes) for v in (stride, padding, dilation)))]
    outputs = [window.output_size(size) for window, size in zip(windows, sizes)]
    if math.prod(outputs) == 0:
        needed = "x".join(str(window.smallest_input()) for window in windows)
        raise ArgumentError(f"an input of {tuple(sizes)} is too small", hint=f"give at least {needed}")
    cells, inside = _input_cells(windows, sizes, outputs)
    cells, inside = cells.to(weight.device), inside.to(weight.device)
    to, of = weight.shape[:2]
    positions, taps = cells.shape
    shape = (to, of, positions, taps)
    count = math.prod(sizes)

    def number(length: int, axis: int) -> Tensor:
        return torch.arange(length, device=weight.device).view([length if i == axis else 1 for i in range(4)])

    rows = (number(to, 0) * positions + number(positions, 2)).expand(shape)
    columns = (number(of, 1) * count + cells).expand(shape)
    kept = inside.expand(shape)
    values = weight.reshape(to, of, 1, taps).expand(shape)[kept]
    index = torch.stack([rows[kept], columns[kept]])
    return torch.sparse_coo_tensor(index, values, (to * positions, of * count), check_invariants=True).coalesce()


def _input_cells(windows: list[Window], sizes: Sequence[int], outputs: list[int]) -> tuple[Tensor, Tensor]:
    """For each output position and tap the number of the input cell it meets, and whether there is one."""
    axes = len(windows)
    cells = torch.zeros([1] * 2 * axes, dtype=torch.long)
    inside = torch.ones([1] * 2 * axes, dtype=torch.bool)
    for axis, (window, size, output) in enumerate(zip(windows, sizes, outputs)):
        place = torch.arange(output)[:, None] * window.stride - window.sides[0]
        place = place + torch.arange(window.kernel) * window.dilation
        shape = [1] * 2 * axes
        shape[axis], shape[axes + axis] = place.shape
        cells = cells * size + place.view(shape)
        inside = inside & ((place >= 0) & (place < size)).view(shape)
    positions = math.prod(outputs)
    return cells.reshape(positions, -1), inside.reshape(positions, -1)
