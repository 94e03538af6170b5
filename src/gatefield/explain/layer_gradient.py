"""A layer's output f and the gradient dS_c/df, for the price of one forward pass and the backward pass behind f."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from ..functional.layer_outputs import Inputs, find_layer, run
from .places import Channels, Places, SpatialLayer, as_channels_second
from .scores import Evidence, Target, derivative, first, replaced


class LayerGradient(NamedTuple):
    """Both are (rows, channels, *places), whatever the layer's own order of axes."""

    f: Tensor
    gradient: Tensor


def layer_gradient(model: nn.Module, inputs: Inputs, target: Target, places: Places, name: str | None) -> LayerGradient:
    """f and dS_c/df of the spatial layer called ``name``; of the last one on which the scores depend, if None.

    Raises:
        ArgumentError: there is no such layer.
        InputError: the scores do not depend on it, or on any.
    """
    places.last()
    for layer in [places.layer(name)] if name else reversed(places.inner):
        try:
            f, gradient = _output_and_gradient(model, inputs, target, layer)
        except _Independent as independent:
            error = independent
        else:
            return LayerGradient(_turned(f, layer.channels), _turned(gradient, layer.channels))
    raise InputError(error.message, hint=error.hint)


class _Independent(InputError):
    pass


def _turned(f: Tensor, channels: Channels) -> Tensor:
    return as_channels_second(f, channels).detach()


def _output_and_gradient(
    model: nn.Module, inputs: Inputs, target: Target, layer: SpatialLayer
) -> tuple[Tensor, Tensor]:
    variable: Tensor | None = None

    def cut(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        """Gradients are computed from here on: what runs before the layer keeps nothing for a backward pass."""
        nonlocal variable
        if variable is not None:
            message = f"layer '{layer.name}' runs more than once in one pass"
            raise ArgumentError(message, hint="choose a layer around or inside it", path=("layer",))
        torch.set_grad_enabled(True)
        variable = first(output).detach().requires_grad_()
        return replaced(output, variable.clone())  # a clone: the next layer may change it in place

    hook = find_layer(model, layer.name).register_forward_hook(cut)
    try:
        evidence = Evidence(model, target)
        with torch.no_grad():
            total = evidence(run(model, inputs)).sum()
    finally:
        hook.remove()
    assert variable is not None
    try:
        return variable, derivative(total, variable)
    except InputError as error:
        message = f"the network's scores do not depend on the output of layer '{layer.name}'"
        hint = "choose another layer; behind a recurrent layer the network may read its state instead"
        raise _Independent(message, hint=hint) from error
