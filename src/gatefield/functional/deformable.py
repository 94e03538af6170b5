"""Convolution whose taps are moved by offsets, one for each place (deformable convolution)."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import ArgumentError
from . import native
from .axes import per_axis
from .convolution_arithmetic import Window
from .deformable_blocks import BlockwiseConvolution, Geometry


def deformable_convolution(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """y(p) = sum over taps k of w_k x(p + p_k + dp_k) dm_k, with x read by bilinear interpolation, zero outside.

    Zero offsets, without a mask, give the ordinary convolution: whole positions are read exactly. Groups follow from
    the shapes. Both layouts are those of torchvision. On processors native code reads the samples block by block;
    elsewhere, and where no compiler was there at installation, torch's operations read all of them first.

    Args:
        x: (batch, in_channels, height, width).
        offset: dp, (batch, 2 x offset groups x taps, out_height, out_width): for each offset group and tap the move
            down and the move right, in cells. Offset groups share out the channels of x in order.
        weight: w, (out_channels, in_channels / groups, kernel height, kernel width).
        bias: (out_channels,).
        mask: dm of the modulated form (v2), (batch, offset groups x taps, out_height, out_width).
        stride: one for both axes, or (vertical, horizontal).
        padding: cells of zeros on both sides.
        dilation: distance between two taps.

    Raises:
        ArgumentError: shapes that do not fit.
        InputError: GATEFIELD_ENGINE demands native code, and there is none for these arguments.

    Source: Dai et al. (2017), equations 2 to 4; mask: Zhu et al. (2019), equation 1.
    """
    kernel = weight.shape[2], weight.shape[3]
    windows = [Window(*each) for each in zip(kernel, *(per_axis(v, 2) for v in (stride, padding, dilation)))]
    size = windows[0].output_size(x.shape[2]), windows[1].output_size(x.shape[3])
    offset_groups = _check_shapes(x, offset, weight, mask, size, kernel[0] * kernel[1])
    tensors = [tensor for tensor in (x, offset, weight, mask) if tensor is not None]
    library = native.library_for("deformable convolutions", *tensors) if x.numel() else None
    compute = functools.partial(_by_blocks, library) if library else _by_torch
    y = compute(x, offset, weight, mask, windows, size, offset_groups)
    return y if bias is None else y + bias[:, None, None]


def _by_torch(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    windows: Sequence[Window],
    size: tuple[int, int],
    offset_groups: int,
) -> Tensor:
    """All samples side by side, then one product of matrices: (out, in x taps) by (in x taps, places)."""
    (batch, channels), (rows, columns) = x.shape[:2], size
    kernel = [window.kernel for window in windows]
    taps = kernel[0] * kernel[1]
    # (batch, offset groups, taps, rows, columns), vertical and horizontal
    moves = offset.reshape(batch, offset_groups, taps, 2, rows, columns).unbind(3)
    places = [_places(window, length, x, axis) for axis, (window, length) in enumerate(zip(windows, size))]
    down = (moves[0] + places[0].repeat_interleave(kernel[1], 0)).flatten(0, 1)
    right = (moves[1] + places[1].repeat(kernel[0], 1, 1)).flatten(0, 1)
    samples = _sample(x.reshape(batch * offset_groups, channels // offset_groups, *x.shape[2:]), down, right)
    if mask is not None:
        samples = samples * mask.reshape(batch * offset_groups, 1, taps, rows, columns)
    groups = channels // weight.shape[1]
    samples = samples.reshape(batch, groups, channels // groups * taps, rows * columns).to(weight.dtype)
    y = weight.reshape(groups, weight.shape[0] // groups, -1) @ samples
    return y.reshape(batch, weight.shape[0], rows, columns)


def _by_blocks(
    library: native.Library,
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    windows: Sequence[Window],
    size: tuple[int, int],
    offset_groups: int,
) -> Tensor:
    """The same by native code, in the memory format of x."""
    groups = x.shape[1] // weight.shape[1]
    down, right = windows
    geometry = Geometry(
        kernel=(down.kernel, right.kernel),
        stride=(down.stride, right.stride),
        padding=(down.sides[0], right.sides[0]),
        dilation=(down.dilation, right.dilation),
        size=size,
        groups=groups,
        offset_groups=offset_groups,
    )
    wide = functools.reduce(torch.promote_types, (t.dtype for t in (x, offset, mask) if t is not None), torch.float32)
    cells = x.permute(0, 2, 3, 1).to(wide).contiguous()
    moves, shares = (None if t is None else t.to(wide).contiguous() for t in (offset, mask))
    autocast = torch.is_autocast_enabled("cpu")
    kernels = weight.to(torch.get_autocast_dtype("cpu")) if autocast else weight
    kernels = kernels.permute(0, 2, 3, 1).reshape(groups, len(weight) // groups, -1)
    with torch.autocast("cpu", enabled=False):
        y = BlockwiseConvolution.apply(library, geometry, cells, moves, shares, kernels)
    y = y.permute(0, 3, 1, 2)
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return y if last else y.contiguous()


def _places(window: Window, size: int, x: Tensor, axis: int) -> Tensor:
    """p + p_k along one axis, as (taps of the axis, rows, columns) with length 1 across it."""
    wide = torch.promote_types(x.dtype, torch.float32)  # half precision cannot count cells
    taps = torch.arange(window.kernel, device=x.device, dtype=wide) * window.dilation - window.sides[0]
    steps = torch.arange(size, device=x.device, dtype=wide) * window.stride
    grid = taps[:, None] + steps
    return grid[:, :, None] if axis == 0 else grid[:, None, :]


def _sample(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """x (n, channels, height, width) at (n, taps, rows, columns) positions: (n, channels, taps, rows, columns)."""
    # torch wants positions as shares of the sizes; on a canvas of 2^n cells these shares are exact. The canvas is
    # zero where the image ends, as is everything outside.
    canvas = [1 << max(size - 1, 0).bit_length() for size in x.shape[2:]]
    x = F.pad(x, (0, canvas[1] - x.shape[3], 0, canvas[0] - x.shape[2]))
    grid = torch.stack([(2 * right + 1) / canvas[1] - 1, (2 * down + 1) / canvas[0] - 1], -1)
    sampled = F.grid_sample(x.to(grid.dtype), grid.flatten(1, 2), align_corners=False)
    return sampled.unflatten(2, down.shape[1:3])


def _check_shapes(
    x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, output: tuple[int, int], taps: int
) -> int:
    """How many offset groups there are."""
    if 0 in output:
        raise ArgumentError(f"an input of {tuple(x.shape[2:])} is too small for the kernel", hint="enlarge it")
    if x.shape[1] % weight.shape[1] or weight.shape[0] % (x.shape[1] // weight.shape[1]):
        raise ArgumentError(
            f"a weight of {tuple(weight.shape)} does not fit {x.shape[1]} channels",
            hint="give (out_channels, in_channels / groups, height, width)",
            path=("weight",),
        )
    groups, rest = divmod(offset.shape[1], 2 * taps)
    if rest or not groups or x.shape[1] % groups or (offset.shape[0], *offset.shape[2:]) != (x.shape[0], *output):
        raise ArgumentError(
            f"offsets of {tuple(offset.shape)} do not fit an output of {output}",
            hint=f"give (batch, {2 * taps} for each offset group, height, width)",
            path=("offset",),
        )
    if mask is not None and tuple(mask.shape) != (x.shape[0], groups * taps, *output):
        raise ArgumentError(
            f"a mask of {tuple(mask.shape)} does not fit offsets of {tuple(offset.shape)}",
            hint="give one value where the offsets give two",
            path=("mask",),
        )
    return groups
