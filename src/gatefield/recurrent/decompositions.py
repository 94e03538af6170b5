"""Composite tensor operations in terms of those that a native program has; applied while a step is traced."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .graphs import aten


def addmm(bias: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    if beta != 1 or alpha != 1:
        return NotImplemented
    return torch.mm(a, b) + bias


def native_layer_norm(x: Tensor, shape: list[int], weight: Tensor | None, bias: Tensor | None, eps: float) -> Any:
    if len(shape) != 1 or x.dim() != 2:
        return NotImplemented
    mean = x.mean(1, keepdim=True)
    centered = x - mean
    rstd = torch.rsqrt((centered * centered).mean(1, keepdim=True) + eps)
    y = centered * rstd
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y, mean, rstd


def native_layer_norm_backward(
    d: Tensor,
    x: Tensor,
    shape: list[int],
    mean: Tensor,
    rstd: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mask: list[bool],
) -> Any:
    if len(shape) != 1 or x.dim() != 2:
        return NotImplemented
    normal = (x - mean) * rstd
    g = d if weight is None else d * weight
    along = (g * normal).mean(1, keepdim=True)
    d_x = ((g - normal * along) - g.mean(1, keepdim=True)) * rstd
    d_weight = (d * normal).sum(0) if mask[1] else None
    return d_x, d_weight, d.sum(0) if mask[2] else None


def softmax(x: Tensor, dim: int, half_to_float: bool) -> Tensor:
    weights = torch.exp(x - x.amax(dim, keepdim=True))
    return weights / weights.sum(dim, keepdim=True)


def softmax_backward(d: Tensor, y: Tensor, dim: int, dtype: torch.dtype) -> Tensor:
    product = d * y
    return product - y * product.sum(dim, keepdim=True)


def log_softmax(x: Tensor, dim: int, half_to_float: bool) -> Tensor:
    shifted = x - x.amax(dim, keepdim=True)
    return shifted - torch.log(torch.exp(shifted).sum(dim, keepdim=True))


def log_softmax_backward(d: Tensor, y: Tensor, dim: int, dtype: torch.dtype) -> Tensor:
    return d - torch.exp(y) * d.sum(dim, keepdim=True)


def silu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def silu_backward(d: Tensor, x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return d * (s + x * (s * (1 - s)))


def softplus(x: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    return torch.where(x * beta > threshold, x, torch.log1p(torch.exp(x * beta)) * (1 / beta))


def softplus_backward(d: Tensor, x: Tensor, beta: float, threshold: float) -> Tensor:
    return torch.where(x * beta > threshold, d, d * torch.sigmoid(x * beta))


def log_sigmoid_forward(x: Tensor) -> tuple[Tensor, Tensor]:
    e = torch.exp(-x.abs())
    return x.clamp(max=0) - torch.log1p(e), e


def log_sigmoid_backward(d: Tensor, x: Tensor, buffer: Tensor) -> Tensor:
    return d * torch.sigmoid(-x)


def leaky_relu(x: Tensor, slope: float = 0.01) -> Tensor:
    return torch.where(x > 0, x, x * slope)


def leaky_relu_backward(d: Tensor, x: Tensor, slope: float, of_result: bool) -> Tensor:
    return torch.where(x > 0, d, d * slope)


def elu(x: Tensor, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Tensor:
    return torch.where(x > 0, x * scale, torch.expm1(x * input_scale) * (alpha * scale))


def elu_backward(d: Tensor, alpha: float, scale: float, input_scale: float, of_result: bool, x: Tensor) -> Tensor:
    slope = (
        (x + alpha * scale) * input_scale if of_result else torch.exp(x * input_scale) * (alpha * scale * input_scale)
    )
    return torch.where(x > 0, d * scale, d * slope)


def hardtanh(x: Tensor, low: float = -1, high: float = 1) -> Tensor:
    return x.clamp(low, high)


def hardtanh_backward(d: Tensor, x: Tensor, low: float, high: float) -> Tensor:
    return d * ((x > low) & (x < high))


def hardsigmoid(x: Tensor) -> Tensor:
    return (x + 3).clamp(0, 6) * (1 / 6)


def hardsigmoid_backward(d: Tensor, x: Tensor) -> Tensor:
    return d * ((x > -3) & (x < 3)) * (1 / 6)


def gelu(x: Tensor, *, approximate: str = "none") -> Any:
    if approximate != "none":
        return NotImplemented
    return x * 0.5 * (1 + torch.erf(x * math.sqrt(0.5)))


def gelu_backward(d: Tensor, x: Tensor, *, approximate: str = "none") -> Any:
    if approximate != "none":
        return NotImplemented
    density = torch.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    return d * (0.5 * (1 + torch.erf(x * math.sqrt(0.5))) + x * density)


def addcmul(x: Tensor, a: Tensor, b: Tensor, *, value: float = 1) -> Tensor:
    return x + (a * b if value == 1 else a * b * value)


def lerp(a: Tensor, b: Tensor, weight: Any) -> Tensor:
    return a + weight * (b - a)


def square(x: Tensor, power: float) -> Any:
    return x * x if power == 2 else NotImplemented


DECOMPOSITIONS = {
    aten.addmm.default: addmm,
    aten.native_layer_norm.default: native_layer_norm,
    aten.native_layer_norm_backward.default: native_layer_norm_backward,
    aten._softmax.default: softmax,
    aten._softmax_backward_data.default: softmax_backward,
    aten._log_softmax.default: log_softmax,
    aten._log_softmax_backward_data.default: log_softmax_backward,
    aten.silu.default: silu,
    aten.silu_backward.default: silu_backward,
    aten.softplus.default: softplus,
    aten.softplus_backward.default: softplus_backward,
    aten.log_sigmoid_forward.default: log_sigmoid_forward,
    aten.log_sigmoid_backward.default: log_sigmoid_backward,
    aten.leaky_relu.default: leaky_relu,
    aten.leaky_relu_backward.default: leaky_relu_backward,
    aten.elu.default: elu,
    aten.elu_backward.default: elu_backward,
    aten.hardtanh.default: hardtanh,
    aten.hardtanh_backward.default: hardtanh_backward,
    aten.hardsigmoid.default: hardsigmoid,
    aten.hardsigmoid_backward.default: hardsigmoid_backward,
    aten.gelu.default: gelu,
    aten.gelu_backward.default: gelu_backward,
    aten.addcmul.default: addcmul,
    aten.lerp.Tensor: lerp,
    aten.lerp.Scalar: lerp,
    aten.pow.Tensor_Scalar: square,
}
"""Operation -> what it is made of. A function may answer NotImplemented and leave a case as it is."""
