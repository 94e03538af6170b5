"""The gradient without what rectifiers would take away from the score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ..core.errors import InputError
from ..functional.layer_outputs import Inputs
from .explainer import PointExplainer
from .scores import Scores, Target


class GuidedBackpropagation(PointExplainer):
    """dS_c/dx, where each rectifier y = max(0, x) hands back R = 1{x > 0} 1{dS/dy > 0} dS/dy.

    Every rectifier is guided, however it is written: as a module, as ``torch.relu``, as a clamp at zero, as the maximum
    with zero, in place. A network in which one would be missed is refused, and so is one that has none.

    Raises:
        InputError: no rectifier was met; or one that cannot be guided: a comparison with zero in its place, compiled or
            scripted modules, recurrent layers that run their steps in an engine.

    Source: Springenberg, Dosovitskiy, Brox and Riedmiller (2015), section 3.4. Departs from the paper: nowhere.
    """

    name = "guided-backpropagation"
    reference = "springenberg2015"
    signed = False

    def _attribute(self, model: nn.Module, input: Inputs, target: Target, layer: str | None) -> Tensor:
        for name, module in model.named_modules():
            if _hides_rectifiers(module):
                message = f"guided backpropagation cannot see the rectifiers inside '{name}' ({type(module).__name__})"
                raise InputError(message, hint="choose integrated-gradients or smooth-grad")
        scores = Scores(model, input, target, layer)
        with _GuidedRectifiers() as rectifiers:
            guided = scores.gradient(scores.point)
        if not rectifiers.met:
            hint = "it is defined by them: choose integrated-gradients or smooth-grad"
            raise InputError("guided backpropagation met no rectifier in this network", hint=hint)
        return self._per_symbol(guided) if scores.per_symbol else guided


class _Guided(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x > 0)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (passes,) = ctx.saved_tensors
        return gradient.clamp(min=0) * passes


class _GuidedRectifiers(TorchFunctionMode):
    """Inside the block, max(0, x) has the gradient of `_Guided` wherever torch computes it."""

    met = 0

    def __torch_function__(self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function in _COMPARISONS and _is_zero(_argument(args, kwargs, 1, "other")) and _tracked(args):
            message = "this network compares numbers with zero: a rectifier written so cannot be guided"
            raise InputError(message, hint="write it as torch.relu")
        rectifies = _RECTIFIERS.get(function)
        if rectifies is None or not rectifies(args, kwargs):
            return function(*args, **kwargs)
        x = args[0] if args else kwargs["input"]
        if function in _MAXIMA and _is_zero(x):
            x = _argument(args, kwargs, 1, "other")
        self.met += 1
        y = _Guided.apply(x)
        return x.copy_(y) if function.__name__.endswith("_") or kwargs.get("inplace") else y


def _argument(args: Sequence[Any], kwargs: Any, place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _is_zero(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.requires_grad and not bool(value.any())
    return isinstance(value, (int, float)) and value == 0


def _tracked(args: Sequence[Any]) -> bool:
    return bool(args) and isinstance(args[0], Tensor) and args[0].requires_grad


def _clamps_at_zero(args: Sequence[Any], kwargs: Any) -> bool:
    return _is_zero(_argument(args, kwargs, 1, "min")) and _argument(args, kwargs, 2, "max") is None


def _has_no_slope(args: Sequence[Any], kwargs: Any) -> bool:
    return _argument(args, kwargs, 1, "negative_slope") == 0


def _is_threshold_at_zero(args: Sequence[Any], kwargs: Any) -> bool:
    return _is_zero(_argument(args, kwargs, 1, "threshold")) and _is_zero(_argument(args, kwargs, 2, "value"))


def _is_maximum_with_zero(args: Sequence[Any], kwargs: Any) -> bool:
    other = _argument(args, kwargs, 1, "other")
    return isinstance(other, Tensor) and (_is_zero(other) or _is_zero(args[0]))


def _functions(*names: str) -> list[Any]:
    """The functions, methods and in-place forms of these names, wherever torch keeps them."""
    homes = (torch, Tensor, functional, torch._C._nn)  # pyright: ignore[reportAttributeAccessIssue]
    return [getattr(home, name) for name in names for home in homes if hasattr(home, name)]


_RECTIFIERS: dict[Any, Callable[[Sequence[Any], Any], bool]] = {
    **dict.fromkeys(_functions("relu", "relu_"), lambda args, kwargs: True),
    **dict.fromkeys(_functions("clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_"), _clamps_at_zero),
    **dict.fromkeys(_functions("leaky_relu", "leaky_relu_"), _has_no_slope),
    **dict.fromkeys(_functions("threshold", "threshold_"), _is_threshold_at_zero),
    **dict.fromkeys(_functions("maximum", "fmax", "max"), _is_maximum_with_zero),
}
_MAXIMA = set(_functions("maximum", "fmax", "max"))
_COMPARISONS = set(
    _functions("gt", "ge", "lt", "le", "greater", "greater_equal", "less", "less_equal", "heaviside")
    + _functions("__gt__", "__ge__", "__lt__", "__le__")
)


def _hides_rectifiers(module: nn.Module) -> bool:
    compiled = isinstance(module, torch.jit.ScriptModule) or hasattr(module, "_orig_mod")
    fused = isinstance(module, nn.RNN) and module.nonlinearity == "relu"
    return compiled or fused or getattr(module, "kind", "") == "recurrent layer"
