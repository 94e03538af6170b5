"""Inputs that a unit likes best, found by climbing its activation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from ..functional.layer_outputs import evaluating, find_layer, layer_outputs


class Maximized(NamedTuple):
    """``inputs`` (units, *shape), one for each unit, and each one's ``activation`` (steps + 1, units) on the way.

    The last row of ``activation`` belongs to ``inputs``; those before it to the rolled inputs of each step.
    """

    inputs: Tensor
    activation: Tensor


def maximize_activation(
    model: nn.Module,
    layer: str,
    units: Sequence[int],
    shape: Sequence[int],
    steps: int = 200,
    rate: float = 0.1,
    jitter: int | None = None,
    l2: float = 0.01,
    total_variation: float = 0.1,
    low: Tensor | float = -math.inf,
    high: Tensor | float = math.inf,
    seed: int = 0,
) -> Maximized:
    """Climb from noise to an input for which each of ``units`` is as active as it can be.

        x* = argmax a(x) - l2 mean x^2 - total_variation TV(x)
        TV(x) = sum over the spatial axes of mean (x_{i+1} - x_i)^2

    a(x) is the unit's output, of maps the mean over all positions. Each step is one of Adam, before which the input is
    rolled by up to ``jitter`` cells, so that the answer does not hang on single cells. All units climb side by side.

    Args:
        model: any differentiable network on real inputs; it runs in evaluation mode and is left as it was.
        layer: a layer's name.
        units: features or channels of its output, from 0.
        shape: of one input, (channels, spatial ...) or (features,).
        steps: how many.
        rate: of a step, in units of the input.
        jitter: cells, from 0, along the spatial axes; by default a 16th of the shortest, none of pictures below 16.
        l2: weight of the squared input.
        total_variation: weight of the roughness.
        low, high: bounds of the input, numbers or (channels, 1, ...): what black and white are after normalization.
        seed: of start and jitter.

    Raises:
        ArgumentError: no such layer or unit, or a number out of its interval.
        InputError: the activation does not depend on the input, or is not finite.

    Source: Simonyan, Vedaldi and Zisserman 2014, equation 1 (l2); Mahendran and Vedaldi 2015, equation 5 with beta = 2
    (total variation) and section 4.2 (jitter).
    """
    if jitter is None:
        jitter = min(shape[1:], default=0) // 16
    _check(steps, rate, jitter, l2, total_variation)
    find_layer(model, layer)
    like = next(model.parameters(), torch.zeros(()))
    random = torch.Generator().manual_seed(seed)
    start = torch.randn(len(units), *shape, generator=random) * 0.1
    x = start.to(like).clamp_(*(_bound(bound, like) for bound in (low, high))).requires_grad_()
    spatial = tuple(range(2, x.dim()))
    optimizer = torch.optim.Adam([x], lr=rate)
    trace = []
    with evaluating(model), torch.enable_grad():
        for _ in range(steps):
            shifts = torch.randint(-jitter, jitter + 1, (len(spatial),), generator=random).tolist()
            a = _activation(model, layer, units, x.roll(shifts, spatial) if spatial else x)
            trace.append(a.detach())
            penalty = l2 * x.square().flatten(1).mean(1) + total_variation * roughness(x)
            x.grad = torch.autograd.grad(penalty.sum(), x)[0] - _gradient(a, x, layer)
            optimizer.step()
            with torch.no_grad():
                x.clamp_(*(_bound(bound, like) for bound in (low, high)))
        trace.append(_activation(model, layer, units, x.detach()).detach())
    activation = torch.stack(trace).cpu()
    if not torch.isfinite(activation).all():
        raise InputError(f"the activation of '{layer}' is not finite", hint="take a smaller rate, or set low and high")
    return Maximized(x.detach().cpu(), activation)


def roughness(x: Tensor) -> Tensor:
    """TV(x) of each of ``x`` (batch, channels, spatial ...): mean squared step along each spatial axis, summed."""
    steps = [x.diff(dim=axis) for axis in range(2, x.dim()) if x.shape[axis] > 1]
    return sum((step.square().flatten(1).mean(1) for step in steps), x.new_zeros(len(x)))


def _activation(model: nn.Module, layer: str, units: Sequence[int], x: Tensor) -> Tensor:
    """a of unit ``units[i]`` for input i."""
    output = layer_outputs(model, x, [layer])[layer]
    if output.dim() < 2 or not all(0 <= unit < output.shape[1] for unit in units):
        message = f"layer '{layer}' puts out {tuple(output.shape[1:])}, asked for the units {list(units)}"
        raise ArgumentError(message, hint=f"choose units from 0 to {output.shape[1] - 1}", path=("units",))
    picked = output[torch.arange(len(units)), list(units)]
    return picked.flatten(1).mean(1) if picked.dim() > 1 else picked


def _gradient(a: Tensor, x: Tensor, layer: str) -> Tensor:
    gradient = torch.autograd.grad(a.sum(), x, allow_unused=True)[0] if a.requires_grad else None
    if gradient is None:
        hint = "choose a layer that the input reaches through differentiable operations"
        raise InputError(f"the output of '{layer}' has no gradient along the input", hint=hint)
    return gradient


def _bound(bound: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(bound, dtype=like.dtype, device=like.device)


def _check(steps: int, rate: float, jitter: int, l2: float, total_variation: float) -> None:
    wanted = {"steps": (steps, 1), "jitter": (jitter, 0), "l2": (l2, 0), "total_variation": (total_variation, 0)}
    for name, (value, least) in wanted.items():
        if value < least:
            raise ArgumentError(f"{name} is {value}", hint=f"choose a number from {least}", path=(name,))
    if rate <= 0:
        raise ArgumentError(f"rate is {rate}", hint="choose a number above 0", path=("rate",))
