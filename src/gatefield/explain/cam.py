"""Class activation mapping."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..functional.layer_outputs import Inputs, find_layer, run
from .explainer import Explainer
from .places import as_channels_second, enlarged, find_places
from .scores import Evidence, Target, first


class CAM(Explainer):
    """M = sum_k w_k^c f^k, of a network whose scores are S_c = sum_k w_k^c mean(f^k) + b_c.

    Such a network ends in global average pooling of the maps f^k and one full connection W; or in the pooling alone,
    with one map a class (network in network). ``layer`` puts out f, by default the last that has several places.

    Args:
        enlarge: interpolate M to the places of the input; without it M has those of the layer.

    Raises:
        InputError: the network does not end so.

    Source: Zhou, Khosla, Lapedriza, Oliva and Torralba (2016), equation 2 (catalogue 96). Departs from the paper:
    nowhere.
    """

    name = "cam"
    reference = "zhou2016cam"
    differentiates = False
    per_place = True

    def __init__(self, enlarge: bool = True) -> None:
        self.enlarge = enlarge

    def _attribute(self, model: nn.Module, input: Inputs, target: Target, layer: str | None) -> Tensor:
        places = find_places(model, input)
        chosen = places.layer(layer) if layer else places.last()
        f, outputs, connections = _end(model, input, chosen.name)
        f = as_channels_second(f, chosen.channels)
        pooled = f.flatten(2).mean(2)
        if _same(pooled, outputs):
            maps = f
        else:
            found = [linear for linear, x, y in connections if _same(pooled, x) and _same(outputs, y)]
            if not found:
                message = f"CAM needs scores that are one full connection of the means of the maps of '{chosen.name}'"
                hint = "choose grad-cam, which takes any network; or name the layer in front of the pooling"
                raise InputError(message, hint=hint)
            maps = torch.einsum("ck,bk...->bc...", found[0].weight, f)
        evidence = Evidence(model, target)
        evidence(outputs)  # settles which classes are asked for
        by_place = maps.flatten(2).permute(2, 0, 1)  # every place of the maps is one more copy of the outputs
        M = evidence(by_place.flatten(0, 1)).view(by_place.shape[:2]).t().reshape(len(f), *f.shape[2:])
        return enlarged(M, places.input) if self.enlarge else M


def _end(model: nn.Module, inputs: Inputs, name: str) -> tuple[Tensor, Tensor, list[tuple[nn.Linear, Tensor, Tensor]]]:
    """The output of the layer ``name``, the network's outputs, and every full connection with its input and output."""
    maps: list[Tensor] = []
    connections: list[tuple[nn.Linear, Tensor, Tensor]] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        maps.append(first(output).clone())  # a clone: the next layer may change it in place

    def note(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Linear):
            connections.append((module, given[0], output))

    with contextlib.ExitStack() as hooks:
        hooks.callback(find_layer(model, name).register_forward_hook(keep).remove)
        for module in model.modules():
            if isinstance(module, nn.Linear):
                hooks.callback(module.register_forward_hook(note).remove)
        outputs = run(model, inputs)
    while isinstance(outputs, tuple):
        outputs = outputs[0]
    return maps[0], outputs, connections


def _same(a: Tensor, b: Tensor) -> bool:
    """Equal up to the order in which a mean is summed."""
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()) if b.numel() else 0)
