"""What excites a unit most: patches of pictures, and places in a text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from ..functional.layer_outputs import Inputs, evaluating, layer_outputs
from ..functional.receptive_field import ReceptiveField

#: From the first to behind the last input cell along each spatial axis.
Box = tuple[slice, ...]


class Patch(NamedTuple):
    """Where a unit was most active in one input.

    Attributes:
        value: the activation.
        input: the number of the input, counted over all batches.
        position: of the unit on its map, along each spatial axis.
    """

    value: float
    input: int
    position: tuple[int, ...]


def top_patches(
    model: nn.Module, layer: str, batches: Iterable[Inputs], units: Sequence[int] | None = None, count: int = 9
) -> dict[int, list[Patch]]:
    """The ``count`` inputs that excite each unit most, and where in them: unit -> patches, best first.

    An input counts once, at its most active position, so that one picture does not fill the list (Zeiler and Fergus
    2014, figure 2). `box` says which part of the input a position sees. Equal activations go by number and position.

    Args:
        model: any network; it runs in evaluation mode and is left in its own.
        layer: the name of a layer that puts out (batch, channels, spatial ...), or (batch, features).
        batches: inputs as the network takes them; held one at a time.
        units: channels, from 0; by default all.
        count: patches a unit, fewer where there are fewer inputs.

    Raises:
        ArgumentError: no such layer or unit, or ``count`` below 1.
        InputError: there is no batch.
    """
    if count < 1:
        raise ArgumentError(f"the best {count} patches", hint="choose a number from 1", path=("count",))
    best: tuple[Tensor, ...] = ()
    seen, shape = 0, ()
    with evaluating(model), torch.no_grad():
        for batch in batches:
            maps = layer_outputs(model, batch, [layer])[layer].float().cpu()
            maps = maps if units is None else _chosen(maps, units, layer)
            shape = tuple(maps.shape[2:])
            values, at = maps.flatten(2).max(2) if shape else (maps, torch.zeros_like(maps, dtype=torch.int64))
            numbers = torch.arange(seen, seen + len(maps))[:, None].expand_as(values)
            seen += len(maps)
            found = (values, numbers, at)
            found = tuple(torch.cat(pair) for pair in zip(best, found)) if best else found
            order = found[0].argsort(dim=0, descending=True, stable=True)[:count]
            best = tuple(part.gather(0, order) for part in found)
    if not best:
        raise InputError("there are no inputs to look for patches in", hint="give at least one batch")
    names = list(range(best[0].shape[1])) if units is None else list(units)
    return {
        unit: [Patch(value, number, _unravel(at, shape)) for value, number, at in zip(*columns)]
        for unit, *columns in zip(names, *(part.T.tolist() for part in best))
    }


def box(position: Sequence[int], fields: Sequence[ReceptiveField], sizes: Sequence[int]) -> Box:
    """The cells of the input that the unit at ``position`` sees, cut off where the input ends.

        center = start + position jump        from center - (size - 1)/2 to center + (size - 1)/2

    Args:
        position: along each spatial axis.
        fields: the receptive field of the layer along each axis (`functional.receptive_field`).
        sizes: of the input, along each axis.
    """
    slices = []
    for at, field, size in zip(position, fields, sizes, strict=True):
        first = field.start + at * field.jump - (field.size - 1) / 2
        begin, end = math.floor(first), math.ceil(first + field.size)
        slices.append(slice(min(max(begin, 0), size), max(min(end, size), 0)))
    return tuple(slices)


class Context(NamedTuple):
    """A place in a text where a hidden unit was most active.

    Attributes:
        value: the activation.
        place: the number of the symbol that was read.
        before: what was read before it, at most as much as asked for.
        symbol: what was read.
        after: what the unit had not read yet.
    """

    value: float
    place: int
    before: str
    symbol: str
    after: str


def top_contexts(
    activation: Tensor, symbols: Sequence[str], count: int = 10, before: int = 20, after: int = 10, between: str = ""
) -> list[Context]:
    """The ``count`` places of a text at which a unit is most active, best first; equal ones in reading order.

    Args:
        activation: (time,), of one unit: ``output[0, :, unit]`` of a recurrent layer.
        symbols: what was read at each step: characters or words.
        count: places; fewer where the text is shorter.
        before, after: symbols to show on either side.
        between: joins symbols: "" for characters, " " for words.

    Raises:
        ArgumentError: another number of activations than of symbols, or a negative number of anything.
    """
    if activation.dim() != 1 or len(activation) != len(symbols):
        message = f"activations of shape {tuple(activation.shape)} for {len(symbols)} symbols"
        raise ArgumentError(message, hint="give one number for each symbol", path=("activation",))
    for name, value, least in (("count", count, 1), ("before", before, 0), ("after", after, 0)):
        if value < least:
            raise ArgumentError(f"{name} is {value}", hint=f"choose a number from {least}", path=(name,))
    order = activation.detach().cpu().argsort(descending=True, stable=True)[:count].tolist()
    return [
        Context(
            float(activation[t]),
            t,
            between.join(symbols[max(t - before, 0) : t]),
            str(symbols[t]),
            between.join(symbols[t + 1 : t + 1 + after]),
        )
        for t in order
    ]


def _chosen(maps: Tensor, units: Sequence[int], layer: str) -> Tensor:
    outside = [unit for unit in units if not 0 <= unit < maps.shape[1]]
    if outside:
        message = f"layer '{layer}' has no unit {outside[0]}"
        raise ArgumentError(message, hint=f"choose from 0 to {maps.shape[1] - 1}", path=("units",))
    return maps[:, list(units)]


def _unravel(at: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(place) for place in torch.unravel_index(torch.tensor(at), shape)) if shape else ()
