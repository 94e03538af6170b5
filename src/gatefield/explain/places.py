"""Where the places are: the axes of space or time in a network's input and in the outputs of its layers."""

from __future__ import annotations

import collections
import contextlib
import functools
import inspect
import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd, _AvgPoolNd, _MaxPoolNd

from ..core.errors import ArgumentError, InputError, nearest
from ..functional.layer_outputs import Inputs, run
from .scores import belongs_to_rows, first

#: Which axis holds the channels: the second, (rows, channels, *places), or the last, (rows, *places, channels).
Channels = Literal[1, -1]

_SECOND = (_ConvNd, _BatchNorm, _AvgPoolNd, _MaxPoolNd, _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd, nn.GroupNorm)
_LAST = (nn.Linear, nn.Embedding, nn.RNNBase, nn.MultiheadAttention)
_INTERPOLATION = {1: "linear", 2: "bilinear", 3: "trilinear"}


@dataclass(frozen=True)
class SpatialLayer:
    """A layer that puts out channels at more than one place.

    Attributes:
        name: in ``model.named_modules()``.
        channels: the axis of its output that holds them.
        sizes: of the axes that hold the places.
    """

    name: str
    channels: Channels
    sizes: tuple[int, ...]


@dataclass
class Places:
    """What one pass of the first row found out.

    Attributes:
        input: sizes of the axes of places in the input; empty for a plain vector.
        channels: the axis of the input's channels; None where it has none: symbols, vectors.
        layers: the spatial layers in the order in which they ran; where several put out one and the same tensor, the
            first of them.
        inner: those of them whose output is worth a map by default. That of the network's own outputs is not, where it
            has one a step; nor that of a full connection, applied to each place by itself, which may well weigh the
            places of another layer.
        same: the name of a layer around another whose very output it puts out -> that one's.
    """

    input: tuple[int, ...]
    channels: Channels | None
    layers: list[SpatialLayer]
    inner: list[SpatialLayer]
    same: dict[str, str]

    def layer(self, name: str) -> SpatialLayer:
        """The spatial layer called ``name``.

        Raises:
            ArgumentError: it is not one of them; names the nearest.
        """
        for layer in self.layers:
            if layer.name == self.same.get(name, name):
                return layer
        names = [layer.name for layer in self.layers]
        close = nearest(name, names) or names[-3:]
        hint = f"spatial layers here are: {', '.join(close)}" if names else "choose a method that needs none"
        message = f"the network has no layer '{name}' that puts out one tensor of several places in one pass"
        raise ArgumentError(message, hint=hint, path=("layer",))

    def last(self) -> SpatialLayer:
        """The last of the inner layers.

        Raises:
            InputError: there is none.
        """
        if not self.inner:
            hint = "choose a method that explains the numbers of the input, such as integrated-gradients"
            raise InputError("no layer of this network puts out channels at several places", hint=hint)
        return self.inner[-1]


def find_places(model: nn.Module, inputs: Inputs) -> Places:
    """The places of ``inputs`` and of every layer of ``model`` that has some, from one pass of the first row.

    Which axis holds the channels is told by the layers: convolutions, their norms and poolings have them second,
    full connections and recurrent layers last, and what follows keeps the order unless it turns it round. Inputs (rows,
    a, b) are (rows, time, features) where the network's ``forward`` takes ``lengths``, or where its first layer says
    so.
    """
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    x, rows = arguments[0], len(arguments[0])
    row = tuple(part[:1] if belongs_to_rows(part, rows) else part for part in arguments)
    sequence = not x.is_floating_point() or "lengths" in inspect.signature(model.forward).parameters
    look = _Look(row[0], sequence)
    with contextlib.ExitStack() as hooks, torch.no_grad():
        for name, module in model.named_modules():
            if name:
                hooks.callback(module.register_forward_hook(functools.partial(look.after, name)).remove)
        outputs = run(model, row)
    layers = look.found()
    same = {name: inside for name, inside in look.same.items() if look.runs[name] == 1}
    while isinstance(outputs, tuple):
        outputs = outputs[0]
    inner = [layer for layer in layers if look.outputs[layer.name][0].shape != outputs.shape]
    inner = [layer for layer in inner if not isinstance(model.get_submodule(layer.name), nn.Linear)] or inner
    if not x.is_floating_point():
        return Places(tuple(x.shape[1:]), None, layers, inner, same)
    if x.dim() < 3:
        return Places((), None, layers, inner, same)
    return Places(_sizes(x, look.first_channels), look.first_channels, layers, inner, same)


def _sizes(x: Tensor, channels: Channels) -> tuple[int, ...]:
    return tuple(x.shape[2:] if channels == 1 else x.shape[1:-1])


class _Look:
    """Hears of every layer's output in turn."""

    def __init__(self, x: Tensor, sequence: bool) -> None:
        self.x, self.settled = x, sequence or x.dim() != 3
        self.channels: Channels = -1 if sequence or x.dim() < 3 else 1
        self.first_channels: Channels = self.channels
        self.outputs: dict[str, tuple[Tensor, Channels]] = {}
        self.versions: dict[tuple[int, int], str] = {}
        self.same: dict[str, str] = {}
        self.runs = collections.Counter[str]()
        self.latest: Tensor | None = None
        self.steps = x.shape[1] if sequence else None

    def after(self, name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        self.runs[name] += 1
        recurrent = getattr(module, "kind", "") == "recurrent layer"
        if isinstance(module, (*_SECOND, *_LAST)) or recurrent:
            self.channels = 1 if isinstance(module, _SECOND) else -1
            if not self.settled and inputs and isinstance(inputs[0], Tensor):
                self._settle(inputs[0])
        y = first(output)
        if not isinstance(y, Tensor) or y.dim() < 3 or not y.is_floating_point() or len(y) != len(self.x):
            return
        if isinstance(module, nn.RNNBase) and not module.batch_first:
            return
        version = (id(y), y._version)
        if version in self.versions:
            self.same[name] = self.versions[version]
        else:  # a tensor seen is kept, so that its id is not used again
            self.versions[version] = name
            if y.dim() == 3 and not isinstance(module, (*_SECOND, *_LAST)):
                self._turn(y)
            self.latest = y
            self.outputs[name] = (y, self.channels)

    def _turn(self, y: Tensor) -> None:
        """Notice where a layer around others hands on (rows, a, b) as (rows, b, a)."""
        steps = [axis for axis in (1, 2) if y.shape[axis] == self.steps]
        if len(steps) == 1:  # a layer that keeps the steps of a sequence
            self.channels = 1 if steps == [2] else -1
        elif self.latest is not None and self.latest.dim() == 3:
            turned = self.latest.transpose(1, 2)
            if y.shape == turned.shape and bool((y == turned).double().mean() > 0.5):  # all but what is masked
                self.channels = -self.channels

    def _settle(self, x: Tensor) -> None:
        """Read the order of the input's axes off the first layer that has one: it gets them so, or turned round."""
        turned = x.shape == self.x.transpose(1, 2).shape and x.shape != self.x.shape
        self.first_channels = -self.channels if turned else self.channels
        self.settled = True

    def found(self) -> list[SpatialLayer]:
        layers = [SpatialLayer(name, axis, _sizes(y, axis)) for name, (y, axis) in self.outputs.items()]
        return [layer for layer in layers if math.prod(layer.sizes) > 1 and self.runs[layer.name] == 1]


def as_channels_second(f: Tensor, channels: Channels) -> Tensor:
    """``f`` as (rows, channels, *places)."""
    return f.movedim(-1, 1) if channels == -1 else f


def enlarged(maps: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """``maps`` (rows, *places), interpolated to places of other ``sizes``.

    Raises:
        InputError: the numbers of axes differ, or there are more than three.
    """
    if maps.shape[1:] == sizes:
        return maps
    if len(sizes) != maps.dim() - 1 or len(sizes) not in _INTERPOLATION:
        message = f"a map of {tuple(maps.shape[1:])} places cannot be laid over an input of {sizes or 'none'}"
        raise InputError(message, hint="set enlarge to false to have the map as it is")
    mode = _INTERPOLATION[len(sizes)]
    return functional.interpolate(maps[:, None], size=sizes, mode=mode, align_corners=False)[:, 0]
