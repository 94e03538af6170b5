"""Convolution of pictures that have few channels, in native code where there is some.

oneDNN, which torch calls, lays channels out in blocks of 16: of 6 channels it multiplies 10 zeros as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import native

#: Numbers in a vector; outputs and rows of taps fill at most two.
LANES, MOST = 16, 32
#: Rows of the kernels for whose gradients there are loops.
ROWS = (3, 5)
#: Multiplications from which on a second thread pays.
MANY = 1 << 18


def few_channel_convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: Sequence[int] = (0, 0)
) -> Tensor:
    """As `torch.nn.functional.conv2d` with stride 1,

        y(i, j) = b + sum over taps (k, l) of w(k, l) x(i - p + k, j - p + l).

    Sums are float32, also of bfloat16. Where channels or outputs are many, kernels of another size, and wherever native
    code is out of the question, it is torch's.

    Args:
        x: (batch, channels, height, width).
        weight: w, (outputs, channels, kernel height, kernel width).
        bias: b, (outputs,).
        padding: (vertical, horizontal), rows and columns of zeros on both sides.

    Raises:
        InputError: GATEFIELD_ENGINE demands native code, and there is none for these tensors.
    """
    if torch.is_autocast_enabled("cpu") and x.device.type == "cpu" and x.dtype in (torch.float32, torch.bfloat16):
        kind = torch.get_autocast_dtype("cpu")
        with torch.autocast("cpu", enabled=False):
            return few_channel_convolution(
                x.to(kind), weight.to(kind), None if bias is None else bias.to(kind), padding
            )
    tensors = [tensor for tensor in (x, weight, bias) if tensor is not None]
    library = native.library_for("convolutions of few channels", *tensors) if _fit(x, weight, bias, padding) else None
    if library is None:
        return F.conv2d(x, weight, bias, padding=tuple(padding))
    return FewChannelConvolution.apply(library, tuple(padding), x, weight, bias)


def _fit(x: Tensor, weight: Tensor, bias: Tensor | None, padding: Sequence[int]) -> bool:
    """Whether native code knows such a convolution, and is faster; what is wrong, torch says."""
    if x.dim() != 4 or weight.dim() != 4 or x.dtype not in (torch.float32, torch.bfloat16) or not x.numel():
        return False
    outputs, channels, rows, columns = weight.shape
    large = any(size + 2 * p < k for size, p, k in zip(x.shape[2:], padding, (rows, columns)))
    alike = x.shape[1] == channels and weight.dtype == x.dtype and (bias is None or bias.dtype == x.dtype)
    ordered = x.is_contiguous(memory_format=torch.channels_last)  # else torch is about as fast
    return alike and ordered and are_few(channels, outputs, (rows, columns)) and not large


def are_few(channels: int, outputs: int, kernel_size: Sequence[int]) -> bool:
    """Whether there are loops for a convolution of these sizes."""
    rows, columns = kernel_size
    return min(channels, outputs) < LANES and outputs <= MOST and columns * channels <= MOST and rows in ROWS


class FewChannelConvolution(torch.autograd.Function):
    """`few_channel_convolution` by native code."""

    @staticmethod
    def forward(
        ctx: Any, library: native.Library, padding: tuple[int, int], x: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(x, weight, bias)
        ctx.library, ctx.padding = library, padding
        x = x.contiguous(memory_format=torch.channels_last)
        size = [n + 2 * p - k + 1 for n, p, k in zip(x.shape[2:], padding, weight.shape[2:])]
        y = torch.empty((len(x), len(weight), *size), dtype=x.dtype, memory_format=torch.channels_last)
        lanes = -(-len(weight) // LANES) * LANES
        packed = F.pad(weight.permute(2, 3, 1, 0).float(), (0, lanes - len(weight))).contiguous()
        b = None if bias is None else F.pad(bias.float(), (0, lanes - len(weight)))
        threads = _threads(y, weight)
        library.few_channels(_described(x, y, packed, weight, padding, threads, bias=_address(b)), backward=False)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        x, weight, bias = ctx.saved_tensors
        wants = ctx.needs_input_grad[2:]
        if torch.is_grad_enabled():  # second derivatives
            found = torch.ops.aten.convolution_backward(
                gradients[0], x, weight, None if bias is None else list(bias.shape),
                [1, 1], list(ctx.padding), [1, 1], False, [0, 0], 1, list(wants),
            )  # fmt: skip
            return None, None, *found
        g = gradients[0].contiguous(memory_format=torch.channels_last)
        given = x.contiguous(memory_format=torch.channels_last)
        outputs, channels, rows, columns = weight.shape
        d_x = torch.empty(x.shape, dtype=x.dtype, memory_format=torch.channels_last) if wants[0] else None
        run, lanes = columns * channels, -(-outputs // LANES) * LANES
        packed = F.pad(weight.permute(0, 2, 3, 1).reshape(outputs, rows, run).float(), (0, -run % LANES)).contiguous()
        threads = _threads(g, weight)
        sums = torch.zeros(threads, rows * run + 1, lanes)  # the last is that of the bias
        asked = {"given": _address(given), "weight_gradient": _address(sums)} if wants[1] or wants[2] else {}
        described = _described(d_x, g, packed, weight, ctx.padding, threads, like=x, **asked)
        ctx.library.few_channels(described, backward=True)
        total = sums.sum(0)[:, :outputs].to(weight.dtype)
        d_weight = total[:-1].view(rows, columns, channels, outputs).permute(3, 2, 0, 1) if wants[1] else None
        d_bias = total[-1] if wants[2] else None
        return None, None, d_x, d_weight, d_bias


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _threads(y: Tensor, weight: Tensor) -> int:
    return torch.get_num_threads() if y.numel() * weight[0].numel() >= MANY else 1


def _described(
    x: Tensor | None,
    y: Tensor,
    packed: Tensor,
    weight: Tensor,
    padding: tuple[int, int],
    threads: int,
    like: Tensor | None = None,
    **addresses: int | None,
) -> native.FewChannels:
    """x and y, or their gradients, have their channels last."""
    images, channels, height, width = (x if like is None else like).shape  # type: ignore[union-attr]
    return native.FewChannels(
        x=_address(x),
        y=y.data_ptr(),
        weight=packed.data_ptr(),
        **addresses,
        kind=native.KINDS[y.dtype],
        images=images,
        height=height,
        width=width,
        channels=channels,
        outputs=y.shape[1],
        kernel=tuple(weight.shape[2:]),
        padding=padding,
        threads=threads,
    )
