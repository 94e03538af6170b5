"""Linear layers that keep to the tiles of the processor in mixed precision."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..core.native_library import has_memory
from ..recurrent.native import library, rounded_matmul


class Linear(nn.Linear):
    """``nn.Linear``; under autocast to bfloat16, where the processor has tiles, its products are made by these.

        y = r(x) r(W)^T + b,    r rounds to the nearest bfloat16

    Sums and results are float32, as those of recurrent layers are. torch leaves such products to oneDNN, which does not
    find the tiles of every machine, and is then slower than in float32.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self._rounds(input):
            return super().forward(input)
        rows = input.reshape(-1, self.in_features).float()
        with torch.autocast("cpu", enabled=False):
            return _RoundedLinear.apply(rows, self.weight, self.bias).view(*input.shape[:-1], self.out_features)

    def _rounds(self, x: Tensor) -> bool:
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu") or not x.is_floating_point():
            return False
        if torch.get_autocast_dtype("cpu") is not torch.bfloat16 or self.weight.dtype is not torch.float32:
            return False
        if torch.compiler.is_compiling() or torch.jit.is_tracing():  # pyright: ignore[reportPrivateImportUsage]
            return False
        native = library()
        return native is not None and native.tiles and x.shape[-1] == self.in_features and has_memory(x)


class _RoundedLinear(torch.autograd.Function):
    """y = r(x) r(W)^T + b; the gradients are made of such products as well."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        y = rounded_matmul(x, weight.t())
        return y if bias is None else y.add_(bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        g = gradients[0]
        multiply = torch.mm if torch.is_grad_enabled() else rounded_matmul  # second derivatives
        by_x, by_weight, by_bias = ctx.needs_input_grad
        return (
            multiply(g, weight) if by_x else None,
            multiply(g.t(), x) if by_weight else None,
            g.sum(0) if by_bias else None,
        )
