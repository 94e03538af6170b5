"""Eight signs in a byte, and convolutions of them."""

from __future__ import annotations

from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.native_library import demanded_engine
from . import native
from .binarize import signs

#: What computes sums of signs: native code for some instruction set, or torch's float convolution.
SignPath = Literal["avx512-vpopcntdq", "avx2", "baseline", "torch"]


def pack_signs(x: Tensor) -> Tensor:
    """The signs along the last axis as bits, 1 for x >= 0: uint8 (..., ceil(n / 8)).

    The first sign is the lowest bit; bits beyond the last sign are 0.
    """
    bits = F.pad((x >= 0).to(torch.uint8), (0, -x.shape[-1] % 8))
    powers = torch.tensor([1 << place for place in range(8)], dtype=torch.uint8, device=x.device)
    return (bits.unflatten(-1, (bits.shape[-1] // 8, 8)) * powers).sum(-1, dtype=torch.uint8)


def unpack_signs(packed: Tensor, count: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """The first ``count`` signs of uint8 ``packed`` (..., bytes), as +1 and -1: (..., count)."""
    places = torch.arange(8, dtype=torch.uint8, device=packed.device)
    bits = (packed[..., None] >> places) & 1
    return (2 * bits.to(dtype) - 1).flatten(-2)[..., :count]


def pack_kernels(weight: Tensor) -> Tensor:
    """Kernels (out, in / groups, height, width) as bits: uint8 (out, height, width, ceil(in / groups / 8)).

    All channels of one tap lie side by side, as those of one pixel do, so that a word of the one meets a word of the
    other.
    """
    return pack_signs(weight.permute(0, 2, 3, 1))


def unpack_kernels(kernels: Tensor, channels: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """The kernels of `pack_kernels` as +1 and -1: (out, channels, height, width)."""
    return unpack_signs(kernels, channels, dtype).permute(0, 3, 1, 2).contiguous()


def sign_convolution(x: Tensor, kernels: Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
    """sign(W) * sign(x): how many signs agree under each window, less how many differ.

        w . s = n - 2 popcount(w xor s)    for n signs, each a bit

    Native code packs the signs of x too and counts bits, on processors. Elsewhere, and where no compiler was there at
    installation, the weights become +1 and -1 again, and torch's convolution adds them up: in float32 without any
    rounding below 2^24 signs. Both ways agree to the bit. A NaN has no sign: windows with one in them are torch's.

    Args:
        x: (batch, channels, height, width), real numbers or signs.
        kernels: uint8 of `pack_kernels`.
        stride: of the convolution.
        padding: cells on each side that count nothing.
        groups: of the convolution.

    Returns:
        int32 (batch, out_channels, out_height, out_width).

    Raises:
        InputError: GATEFIELD_ENGINE demands native code, and there is none for these arguments.
    """
    library = native.library_for("sums of signs", x, kernels)
    if library and _fits(x, kernels, stride, padding, groups):
        real = x if x.dtype in (torch.float32, torch.float64) else x.to(torch.float32)  # no sign changes
        sums = library.sign_convolution(real.resolve_neg(), kernels.contiguous(), stride, padding, groups)
        if sums is not None:
            return sums
    weight = unpack_kernels(kernels, x.shape[1] // groups)
    sums = F.conv2d(signs(x).to(weight.dtype), weight, None, stride, padding, 1, groups)
    return sums.round().to(torch.int32)  # some GPU algorithms multiply by fractions on their way


def sign_convolution_path() -> SignPath:
    """What computes `sign_convolution` of tensors on this processor; GATEFIELD_ENGINE has its say."""
    library = None if demanded_engine() in ("torch", "reference") else native.library()
    return cast(SignPath, library.level) if library else "torch"


def _fits(x: Tensor, kernels: Tensor, stride: int, padding: int, groups: int) -> bool:
    """Whether x and kernels make a convolution; where they do not, torch says why."""
    if x.dim() != 4 or x.is_complex() or kernels.dim() != 4 or kernels.dtype != torch.uint8:
        return False
    if 0 in x.shape[1:] or min(stride, groups) < 1 or padding < 0 or x.shape[1] % groups or len(kernels) % groups:
        return False
    fits = all(0 < k <= n + 2 * padding for k, n in zip(kernels.shape[1:3], x.shape[2:]))
    return fits and kernels.shape[3] == -(-x.shape[1] // groups // 8)
