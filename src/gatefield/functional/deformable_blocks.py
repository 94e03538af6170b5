"""Deformable convolution by native code, in blocks that stay in the processor's cache.

A block is a band of rows of a few images. Its samples are read, multiplied by the weights and forgotten; the backward
pass reads them anew. So no array is ever made that holds the samples of all taps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .native import DeformableSampling, Library

#: Bytes that the samples of a block may take for each thread.
BLOCK = 1 << 20
#: Numbers to sample from which on a second thread pays.
MANY = 1 << 14


@dataclass(frozen=True)
class Geometry:
    """What a deformable convolution is besides its tensors; pairs are (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    size: tuple[int, int]  # of the output
    groups: int
    offset_groups: int


class BlockwiseConvolution(torch.autograd.Function):
    """y = W s for every place, with s the samples of all taps there; `apply` takes and returns channels last.

    Args:
        library: native code.
        geometry: of the convolution.
        x: (batch, height, width, channels), float32 or float64; as all of these contiguous.
        offset: (batch, 2 x offset groups x taps, rows, columns), of the same type.
        mask: (batch, offset groups x taps, rows, columns), of the same type, or None.
        weight: W, (groups, out_channels / groups, taps x in_channels / groups), of the type to multiply in.

    Returns:
        (batch, rows, columns, out_channels), of the type of ``weight``.
    """

    @staticmethod
    def forward(
        ctx: Any, library: Library, geometry: Geometry, x: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, offset, mask, weight)
        ctx.library, ctx.geometry = library, geometry
        blocks = _Blocks(geometry, x, offset, mask)
        y = weight.new_empty(len(x), *geometry.size, weight.shape[0] * weight.shape[1])
        for block in blocks:
            samples = blocks.empty(block)
            library.deformable_samples(blocks.sampling(block, samples))
            product = torch.bmm(_by_group(samples).to(weight.dtype), weight.mT)
            y[block].copy_(product.transpose(0, 1).reshape(y[block].shape))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, y_gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, offset, mask, weight = ctx.saved_tensors
        library: Library = ctx.library
        blocks = _Blocks(ctx.geometry, x, offset, mask)
        groups, outputs = weight.shape[:2]
        gradients = [None if tensor is None else torch.zeros_like(tensor) for tensor in (x, offset, mask)]
        weight_gradient = torch.zeros_like(weight, dtype=x.dtype)
        for block in blocks:
            slope = y_gradient[block].reshape(-1, groups, outputs).transpose(0, 1)
            samples = blocks.empty(block)
            if ctx.needs_input_grad[5]:
                library.deformable_samples(blocks.sampling(block, samples))
                weight_gradient += torch.bmm(slope.mT, _by_group(samples).to(weight.dtype))
            if any(ctx.needs_input_grad[2:5]):
                _by_group(samples).copy_(torch.bmm(slope, weight))
                library.deformable_gradients(blocks.sampling(block, samples, gradients))
        return (None, None, *gradients, weight_gradient.to(weight.dtype))


class _Blocks:
    """The output in bands of rows of a few images: pairs of slices."""

    def __init__(self, geometry: Geometry, x: Tensor, offset: Tensor, mask: Tensor | None) -> None:
        self.geometry, self.x, self.offset, self.mask = geometry, x, offset, mask
        taps, (rows, columns) = geometry.kernel[0] * geometry.kernel[1], geometry.size
        self.shape = (columns, geometry.groups, taps, x.shape[3] // geometry.groups)  # of the samples of a row
        of_row = columns * taps * x.shape[3]
        self.threads = torch.get_num_threads() if len(x) * rows * of_row >= MANY else 1
        room = BLOCK // x.element_size()
        self.rows = min(rows, max(1, room // of_row))
        self.images = min(len(x), self.threads * max(1, room // (self.rows * of_row)))

    def __iter__(self) -> Iterator[tuple[slice, slice]]:
        for image in range(0, len(self.x), max(self.images, 1)):
            for row in range(0, self.geometry.size[0], self.rows):
                yield (
                    slice(image, min(image + self.images, len(self.x))),
                    slice(row, min(row + self.rows, self.geometry.size[0])),
                )

    def empty(self, block: tuple[slice, slice]) -> Tensor:
        """Room for samples (images, rows, columns, groups, taps, channels / groups)."""
        images, rows = (part.stop - part.start for part in block)
        return self.x.new_empty(images, rows, *self.shape)

    def sampling(
        self, block: tuple[slice, slice], samples: Tensor, gradients: list[Tensor | None] | None = None
    ) -> DeformableSampling:
        """A call of the library; ``gradients`` are those of x, offset and mask."""
        images, rows = block
        geometry = self.geometry
        x, offset, mask, x_gradient, offset_gradient, mask_gradient = (
            None if tensor is None else tensor[images].data_ptr()
            for tensor in (self.x, self.offset, self.mask, *(gradients or (None, None, None)))
        )
        return DeformableSampling(
            x=x,
            offset=offset,
            mask=mask,
            samples=samples.data_ptr(),
            x_gradient=x_gradient,
            offset_gradient=offset_gradient,
            mask_gradient=mask_gradient,
            is_double=self.x.dtype == torch.float64,
            images=images.stop - images.start,
            channels=self.x.shape[3],
            height=self.x.shape[1],
            width=self.x.shape[2],
            out_height=geometry.size[0],
            out_width=geometry.size[1],
            first_row=rows.start,
            end_row=rows.stop,
            groups=geometry.groups,
            offset_groups=geometry.offset_groups,
            kernel=geometry.kernel,
            stride=geometry.stride,
            padding=geometry.padding,
            dilation=geometry.dilation,
            threads=self.threads,
        )


def _by_group(samples: Tensor) -> Tensor:
    """The samples of `_Blocks.empty` as (groups, places, taps x channels / groups), the same memory."""
    return samples.flatten(0, 2).flatten(2).transpose(0, 1)
