"""Max pooling of pictures, in native code where there is some: torch's own looks at one number at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import native
from .axes import per_axis
from .convolution_arithmetic import Window

#: Maxima to find from which on a second thread pays.
MANY = 1 << 13
#: Windows with more taps are torch's: a winner is kept as one byte, and 255 is none.
MOST_TAPS = 255


def max_pooling(
    x: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
) -> Tensor:
    """The maxima of windows of ``x``, as `torch.nn.functional.max_pool2d`, bit for bit, gradients too.

        y(i, j) = max over taps (k, l) of x(i s - p + k, j s - p + l)

    The gradient of y(i, j) goes to the first cell, by rows, that has the maximum. The memory format of ``x`` stays.

    Args:
        x: (batch, channels, height, width).
        kernel_size, stride, padding: one for both axes, or (vertical, horizontal); by default windows lie side by side.
        ceil_mode: also take a last window that sticks out at the end.

    Raises:
        InputError: GATEFIELD_ENGINE demands native code, and there is none for x.
    """
    kernel, padded = per_axis(kernel_size, 2), per_axis(padding, 2)
    strides = kernel if stride is None else per_axis(stride, 2)
    windows = [Window(*each, ceil_mode=ceil_mode) for each in zip(kernel, strides, padded)]
    library = native.library_for("max poolings", x) if _fit(windows, x) else None
    if library is None:
        return F.max_pool2d(x, kernel, strides, padded, ceil_mode=ceil_mode)
    return MaxPooling.apply(library, windows, x)


def _fit(windows: Sequence[Window], x: Tensor) -> bool:
    """Whether native code knows such windows; what is wrong, torch says."""
    if x.dim() != 4 or x.dtype not in native.KINDS or not x.numel():
        return False
    if any(2 * w.sides[0] > w.kernel or w.output_size(size) <= 0 for w, size in zip(windows, x.shape[2:])):
        return False
    apart = all(w.stride >= w.kernel for w in windows)  # else gradients meet: torch knows how to add up bfloat16
    return windows[0].kernel * windows[1].kernel <= MOST_TAPS and (apart or x.dtype != torch.bfloat16)


class MaxPooling(torch.autograd.Function):
    """`max_pooling` by native code; windows are vertical, then horizontal."""

    @staticmethod
    def forward(ctx: Any, library: native.Library, windows: Sequence[Window], x: Tensor) -> Tensor:
        layout = _layout(x)
        x = x.contiguous(memory_format=layout)
        size = [window.output_size(length) for window, length in zip(windows, x.shape[2:])]
        y = torch.empty((*x.shape[:2], *size), dtype=x.dtype, memory_format=layout)
        winners = None
        if ctx.needs_input_grad[2]:
            winners = torch.empty_like(y, dtype=torch.uint8)
        library.max_pooling(_described(windows, x, y, winners), backward=False)
        ctx.save_for_backward(winners)
        ctx.library, ctx.windows, ctx.shape = library, windows, x.shape
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        (winners,) = ctx.saved_tensors
        return None, None, ToWinners.apply(ctx.library, ctx.windows, ctx.shape, winners, gradients[0])


class ToWinners(torch.autograd.Function):
    """What flows back: each number of g to the cell that won its window, zeros elsewhere."""

    @staticmethod
    def forward(
        ctx: Any, library: native.Library, windows: Sequence[Window], shape: torch.Size, winners: Tensor, g: Tensor
    ) -> Tensor:
        ctx.save_for_backward(winners)
        ctx.windows, ctx.shape = windows, shape
        layout = _layout(winners)
        g = g.contiguous(memory_format=layout)
        covered = all(
            window.stride == window.kernel and window.stride * size - window.sides[0] >= length
            for window, size, length in zip(windows, g.shape[2:], shape[2:])
        )
        x = torch.empty(shape, dtype=g.dtype, memory_format=layout)
        if not covered:
            x.zero_()
        library.max_pooling(_described(windows, x, g, winners), backward=True)
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        """The derivative of a selection is that selection."""
        (winners,) = ctx.saved_tensors
        right = ctx.windows[1]
        taps, (rows, columns) = winners.long(), winners.shape[2:]
        start = [
            torch.arange(size, device=winners.device) * window.stride - window.sides[0]
            for size, window in zip((rows, columns), ctx.windows)
        ]
        row = start[0][:, None] + taps // right.kernel
        cell = row * ctx.shape[3] + start[1] + taps % right.kernel
        chosen = gradients[0].flatten(2).gather(2, cell.flatten(2)).view(winners.shape)
        return None, None, None, None, chosen


def _layout(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def _described(windows: Sequence[Window], x: Tensor, y: Tensor, winners: Tensor | None) -> native.MaxPooling:
    """x and y are contiguous in the same memory format."""
    batch, channels, height, width = x.shape
    pictures, inner = (batch, channels) if _layout(x) is torch.channels_last else (batch * channels, 1)
    return native.MaxPooling(
        x=x.data_ptr(),
        y=y.data_ptr(),
        winners=None if winners is None else winners.data_ptr(),
        kind=native.KINDS[x.dtype],
        pictures=pictures,
        height=height,
        width=width,
        inner=inner,
        out_height=y.shape[2],
        out_width=y.shape[3],
        kernel=tuple(window.kernel for window in windows),
        stride=tuple(window.stride for window in windows),
        padding=tuple(window.sides[0] for window in windows),
        threads=torch.get_num_threads() if y.numel() >= MANY else 1,
    )
