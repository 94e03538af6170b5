"""Binary layers for inference, with one bit stored for each weight."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..functional.binarize import input_scale, weight_scale
from ..functional.packed_signs import pack_kernels, sign_convolution, unpack_kernels
from .binary_convolution import BinaryConvolution, scale_products
from .binary_linear import BinaryLinear


def pack_binary_layers(network: nn.Module) -> nn.Module:
    """A copy of ``network`` for inference, in which bits and scales replace the real weights of binary layers.

    Its outputs are the same to the bit where sums of signs stay below 2^24. It does not train.
    """
    network = copy.deepcopy(network).eval()
    if isinstance(network, BinaryConvolution):
        return PackedConvolution(network)
    if isinstance(network, BinaryLinear):
        return PackedLinear(network)
    for name, child in network.named_children():
        setattr(network, name, pack_binary_layers(child))
    return network


class _Packed(nn.Module):
    bits: Tensor
    alpha: Tensor
    bias: Tensor | None

    def __init__(self, layer: BinaryConvolution | BinaryLinear, bits: Tensor) -> None:
        super().__init__()
        self.inputs = layer.inputs
        self.register_buffer("bits", bits)
        self.register_buffer("alpha", weight_scale(layer.weight.detach()))
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())


class PackedConvolution(_Packed):
    """A `BinaryConvolution` as bits: uint8 (out, height, width, ceil(in / groups / 8)), and alpha and bias."""

    def __init__(self, layer: BinaryConvolution) -> None:
        super().__init__(layer, pack_kernels(layer.weight.detach()))
        self.channels, self.kernel = layer.weight.shape[1], (layer.kernel_size, layer.kernel_size)
        self.stride, self.padding, self.groups = layer.stride, layer.padding, layer.groups

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        if self.inputs == "real":
            weight = unpack_kernels(self.bits, self.channels, x.dtype)
            products = F.conv2d(x, weight, None, self.stride, self.padding, 1, self.groups)
            return scale_products(products, self.alpha, None, self.bias)
        scale = None
        if self.inputs == "scaled-signs":
            scale = input_scale(x, self.kernel, self.stride, self.padding, groups=self.groups)
        products = sign_convolution(x, self.bits, self.stride, self.padding, self.groups).to(x.dtype)
        return scale_products(products, self.alpha, scale, self.bias)


class PackedLinear(_Packed):
    """A `BinaryLinear` as bits: uint8 (out, 1, 1, ceil(in / 8)), a convolution of one cell, and alpha and bias."""

    def __init__(self, layer: BinaryLinear) -> None:
        super().__init__(layer, pack_kernels(layer.weight.detach()[:, :, None, None]))
        self.features = layer.weight.shape[1]

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        if self.inputs == "real":
            products = F.linear(x, unpack_kernels(self.bits, self.features, x.dtype).flatten(1))
        else:
            cells = x.reshape(-1, self.features, 1, 1)
            products = sign_convolution(cells, self.bits).to(x.dtype).view(*x.shape[:-1], len(self.bits))
        y = products * self.alpha
        if self.inputs == "scaled-signs":
            y = y * x.abs().mean(-1, keepdim=True)
        return y if self.bias is None else y + self.bias
