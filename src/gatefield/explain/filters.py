"""Filters as pictures, and what becomes of an input layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..functional.layer_outputs import Inputs, evaluating, find_layer, layer_outputs, leaf_outputs

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Filters(NamedTuple):
    """``weights`` (filters, channels, spatial ...) of the layer ``layer``, a copy."""

    layer: str
    weights: Tensor


def filters(model: nn.Module, layer: str | None = None, input_shape: Sequence[int] | None = None) -> Filters:
    """The filters of a convolution, or the templates of a fully connected layer that reads the input (catalogue 93).

    Args:
        model: any network.
        layer: its name; by default the first convolution, or the first linear layer of a network without any.
        input_shape: (channels, spatial ...) of an input, needed for a linear layer, whose weights are then pictures.

    Raises:
        ArgumentError: no such layer, one that has no filters, or an input shape that is missing or does not fit.
    """
    name = layer if layer is not None else _first(model)
    module = find_layer(model, name)
    if isinstance(module, _CONVOLUTIONS):
        return Filters(name, module.weight.detach().clone())
    if not isinstance(module, nn.Linear):
        message = f"layer '{name}' is a {type(module).__name__}, which has no filters"
        raise ArgumentError(message, hint="choose a convolution or a linear layer", path=("layer",))
    if input_shape is None or math.prod(input_shape) != module.in_features:
        message = f"layer '{name}' reads {module.in_features} features, the input has the shape {input_shape}"
        hint = "give the input_shape whose cells it reads; of deeper linear layers there is none"
        raise ArgumentError(message, hint=hint, path=("input_shape",))
    return Filters(name, module.weight.detach().clone().view(-1, *input_shape))


def map_layers(model: nn.Module, inputs: Inputs) -> list[str]:
    """The layers that put out maps, (batch, channels, spatial ...) with more than one position, in running order.

    Of layers in a row that keep the shape, as convolution, normalization and rectifier, the last stands for all.
    """
    with evaluating(model), torch.no_grad():
        found = leaf_outputs(model, inputs)
    maps = [(name, out.shape) for name, out in found.items() if out.dim() >= 3 and math.prod(out.shape[2:]) > 1]
    following = [*(shape for _, shape in maps[1:]), None]
    return [name for (name, shape), after in zip(maps, following) if shape != after]


def feature_maps(model: nn.Module, inputs: Inputs, layers: Sequence[str] | None = None) -> dict[str, Tensor]:
    """What the layers make of a batch, name -> (batch, channels, spatial ...): features by depth (catalogue 94).

    Args:
        model: any network; it runs in evaluation mode and is left in its own.
        inputs: a batch as the network takes it.
        layers: names; by default all of `map_layers`.

    Raises:
        ArgumentError: no such layer, or one that puts out no maps.
    """
    names = map_layers(model, inputs) if layers is None else list(layers)
    with evaluating(model), torch.no_grad():
        found = layer_outputs(model, inputs, names)
    for name, maps in found.items():
        if maps.dim() < 3:
            message = f"layer '{name}' puts out {tuple(maps.shape)}, which are no maps"
            raise ArgumentError(message, hint=f"choose of: {', '.join(map_layers(model, inputs))}", path=("layers",))
    return found


def strongest(maps: Tensor, count: int) -> Tensor:
    """The ``count`` channels of ``maps`` (channels, spatial ...) of largest mean |activation|, strongest first."""
    return maps.flatten(1).abs().mean(1).argsort(descending=True, stable=True)[:count]


def _first(model: nn.Module) -> str:
    for kinds in (_CONVOLUTIONS, nn.Linear):
        for name, module in model.named_modules():
            if isinstance(module, kinds):
                return name
    message = f"{type(model).__name__} has neither a convolution nor a linear layer"
    raise ArgumentError(message, hint="name a layer that has filters", path=("layer",))
