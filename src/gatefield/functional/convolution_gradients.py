"""The gradients of convolution and average pooling, by hand (catalogue 54); those of max pooling are in `switches`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .axes import per_axis
from .correlation import correlation
from .padding import pad_axes
from .true_convolution import flip_kernel


def convolution_input_gradient(
    gradient: Tensor,
    weight: Tensor,
    input_shape: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """dL/dx of y = W * x: "also a convolution", of dL/dy with the flipped kernels.

        dL/da_i = sum over j of dL/dnet_(i-j+1) w_j

    A stride puts zeros between the values of dL/dy.

    Args:
        gradient: dL/dy, (batch, out_channels, axes...).
        weight: (out_channels, in_channels, kernel...).
        input_shape: lengths of the spatial axes of x.
        stride: of the convolution; one for all axes, or one each.
        padding: of the convolution, cells of zeros on both sides.
        dilation: of the convolution, distance between two taps.

    Source: lecture decks S0 and S4; Goodfellow, Bengio and Courville (2016), equation 9.13.
    """
    axes = weight.dim() - 2
    stretched = _stretch(gradient, per_axis(stride, axes))
    dilations, sides = per_axis(dilation, axes), []
    for size, taps, step, cells, length in zip(
        input_shape, weight.shape[2:], dilations, per_axis(padding, axes), stretched.shape[2:]
    ):
        before = step * (taps - 1) - cells
        # cells at the end that no window reached get zeros
        sides.append((before, size + step * (taps - 1) - length - before))
    turned = flip_kernel(weight).transpose(0, 1)
    return correlation(pad_axes(stretched, sides), turned, dilation=dilations)


def convolution_weight_gradient(
    gradient: Tensor,
    x: Tensor,
    kernel: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """dL/dW of y = W * x: the correlation of x with dL/dy, summed over the batch.

        dL/dw_j = sum over i of dL/dnet_i a_(i+j-1)

    Stride and dilation change places.

    Args:
        gradient: dL/dy, (batch, out_channels, axes...).
        x: (batch, in_channels, axes...).
        kernel: lengths of the kernel.
        stride: of the convolution; one for all axes, or one each.
        padding: of the convolution, cells of zeros on both sides.
        dilation: of the convolution, distance between two taps.

    Source: Goodfellow, Bengio and Courville (2016), equation 9.11.
    """
    axes = len(kernel)
    padded = pad_axes(x, [(cells, cells) for cells in per_axis(padding, axes)])
    full = correlation(padded.transpose(0, 1), gradient.transpose(0, 1), stride=dilation, dilation=stride)
    full = full.transpose(0, 1)
    # cells at the end that no window reached would make further taps
    for axis, taps in enumerate(kernel, start=2):
        full = full.narrow(axis, 0, taps)
    return full


def average_pooling_gradient(gradient: Tensor, input_shape: Sequence[int], kernel: int, stride: int) -> Tensor:
    """dL/dx of an average pooling: each value of dL/dy, shared out evenly over its square window; windows may overlap.

    Args:
        gradient: dL/dy, (batch, channels, axes...).
        input_shape: lengths of the spatial axes of x.
        kernel: side of the windows.
        stride: from one window to the next.
    """
    axes, (batch, channels) = gradient.dim() - 2, gradient.shape[:2]
    even = gradient.new_full([1, 1, *[kernel] * axes], 1 / kernel**axes)
    rows = gradient.reshape(batch * channels, 1, *gradient.shape[2:])
    return convolution_input_gradient(rows, even, input_shape, stride).reshape(batch, channels, *input_shape)


def _stretch(x: Tensor, strides: Sequence[int]) -> Tensor:
    """``x`` with stride - 1 zeros between neighbors along each spatial axis."""
    sizes = [(size - 1) * stride + 1 for size, stride in zip(x.shape[2:], strides)]
    stretched = x.new_zeros((*x.shape[:2], *sizes))
    stretched[(..., *(slice(None, None, stride) for stride in strides))] = x
    return stretched
