"""Gradients that are derivatives: a network in which they are not is refused where they are asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError


@contextlib.contextmanager
def true_gradients(model: nn.Module) -> Iterator[None]:
    """Gradients are on inside the block, wherever it stands, and every layer that they pass hands on its derivative.

    Layers before the point that is explained may be of any kind: no gradient passes them.

    Raises:
        InputError: at the first layer that does not: quantized or packed ones cut the gradient off, binary ones put a
            surrogate in its place.
    """
    with contextlib.ExitStack() as stack:
        for name, module in model.named_modules():
            surrogate = getattr(module, "surrogate_gradient", False)
            quantized = ".quantized" in type(module).__module__  # torch's, which hold their weights in a child
            if surrogate or quantized or not any(True for _ in module.children()):
                stack.callback(module.register_forward_hook(_Check(name, surrogate, quantized)).remove)
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if any(isinstance(module, nn.RNNBase) for module in model.modules()):
            # cuDNN has no backward pass of recurrent layers in evaluation mode; torch's own code has.
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        yield


class _Check:
    def __init__(self, name: str, surrogate: bool, quantized: bool) -> None:
        self.name, self.surrogate, self.quantized = name, surrogate, quantized

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not torch.is_grad_enabled() or not any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
            return
        cut = isinstance(output, Tensor) and output.is_floating_point() and not output.requires_grad
        if self.surrogate or self.quantized or cut:
            what = "has a surrogate for its gradient" if self.surrogate else "passes no gradient on"
            kind = type(module).__name__
            hint = "explain a layer behind it, or choose occlusion, which needs no gradient"
            raise InputError(f"layer '{self.name}' ({kind}) {what}", hint=hint)
