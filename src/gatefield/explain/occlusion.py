"""Occlusion: what the score loses where the input is covered."""

from __future__ import annotations

import itertools
from typing import Annotated

import torch
from torch import Tensor, nn

from ..core.arguments import Interval, PositiveInt
from ..core.errors import ArgumentError
from ..functional.layer_outputs import Inputs, run
from .explainer import Explainer
from .places import Places, find_places
from .scores import Evidence, Target, repeated

ROWS = 64  # that one pass takes


class Occlusion(Explainer):
    """S_c(x) - S_c(x with a window covered), at each place the mean over the windows that cover it.

    Needs no gradient, and so takes every network, packed and quantized ones too. A window covers all channels of its
    places, the steps of a sequence, the numbers of a plain vector one by one, or symbols.

    Args:
        window: sides of the window, one for all axes or one each; by default an eighth of each side, and of symbols
            and plain vectors one.
        stride: steps between windows; by default half a window.
        baseline: what covers, in the units of the network's input: 0 is the mean of prepared images, and the padding of
            symbols.

    Raises:
        ArgumentError: a window larger than the input, or a stride that leaves gaps; a ``layer``, which means nothing
            here.

    Source: Zeiler and Fergus (2014), section 4.2. Departs from the paper: it shows the score itself, window by window.
    """

    name = "occlusion"
    reference = "zeiler2014"
    differentiates = False
    shares_places = True

    def __init__(
        self,
        window: PositiveInt | list[PositiveInt] | None = None,
        stride: PositiveInt | list[PositiveInt] | None = None,
        baseline: Annotated[float, Interval("(-inf, inf)")] = 0.0,
    ) -> None:
        self.window, self.stride, self.baseline = window, stride, baseline

    def _attribute(self, model: nn.Module, input: Inputs, target: Target, layer: str | None) -> Tensor:
        if layer is not None:
            message = "occlusion covers parts of the input; a layer means nothing to it"
            raise ArgumentError(message, hint="leave the layer out", path=("layer",))
        arguments = input if isinstance(input, tuple) else (input,)
        x, rows = arguments[0], len(arguments[0])
        places = find_places(model, input)
        masks = self._masks(x, places)
        cover = self.baseline if x.is_floating_point() else int(self.baseline)
        if cover != self.baseline:
            message = f"{self.baseline} is no symbol"
            raise ArgumentError(message, hint="give the number of one, such as 0, the padding", path=("baseline",))
        evidence = Evidence(model, target)
        score = evidence(run(model, input))
        lost = torch.zeros(x.shape, dtype=score.dtype, device=x.device)
        often = torch.zeros_like(lost[:1])
        for part in masks.split(max(ROWS // max(rows, 1), 1)):
            copies = len(part)
            covered = x.expand(copies, *x.shape).masked_fill(part[:, None], cover).flatten(0, 1)
            others = (repeated(other, copies, rows) for other in arguments[1:])
            difference = score - evidence(run(model, (covered, *others))).view(copies, rows)
            shape = (copies, rows, *[1] * (x.dim() - 1))
            lost += (difference.view(shape) * part[:, None]).sum(0)
            often += part.sum(0)
        return lost / often

    def _masks(self, x: Tensor, places: Places) -> Tensor:
        """Where each window lies: bool (windows, ...), which broadcasts against a row of ``x``."""
        axes = _axes(x, places)
        sizes = [x.shape[axis] for axis in axes]
        single = len(places.input) == 0 or places.channels is None
        windows = self._sides("window", self.window, [1 if single else max(size // 8, 1) for size in sizes])
        strides = self._sides("stride", self.stride, [max(window // 2, 1) for window in windows])
        for window, stride, size in zip(windows, strides, sizes):
            if window > size:
                hint = f"give at most {min(sizes)}"
                raise ArgumentError(f"a window of {window} places on {size}", hint=hint, path=("window",))
            if stride > window:
                message = f"a stride of {stride} leaves gaps between windows of {window}"
                raise ArgumentError(message, hint=f"give at most {window}", path=("stride",))
        starts = [_starts(size, window, stride) for size, window, stride in zip(sizes, windows, strides)]
        masks = []
        for corner in itertools.product(*starts):
            mask = torch.zeros(x.shape[1:], dtype=torch.bool, device=x.device)
            box: list[slice] = [slice(None)] * mask.dim()
            for axis, start, window in zip(axes, corner, windows):
                box[axis - 1] = slice(start, start + window)
            mask[tuple(box)] = True
            masks.append(mask)
        return torch.stack(masks)

    def _sides(self, name: str, given: int | list[int] | None, by_default: list[int]) -> list[int]:
        if given is None:
            return by_default
        sides = [given] * len(by_default) if isinstance(given, int) else given
        if len(sides) != len(by_default):
            message = f"{len(sides)} sides of a {name} for {len(by_default)} axes of places"
            raise ArgumentError(message, hint=f"give one, or {len(by_default)}", path=(name,))
        return sides


def _axes(x: Tensor, places: Places) -> list[int]:
    """The axes of ``x`` that hold places; those of a plain vector, or of symbols, are all but the first."""
    axes = list(range(1, x.dim()))
    if places.channels is not None:
        axes.remove(1 if places.channels == 1 else x.dim() - 1)
    return axes


def _starts(size: int, window: int, stride: int) -> list[int]:
    """Where windows begin: every ``stride`` places, and once more where the end would stay uncovered."""
    last = size - window
    return [*range(0, last, stride), last]
