"""How the values of layers are spread: activations and gradients as histograms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy
import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from ..functional.layer_outputs import Inputs, evaluating, layer_outputs


class Histogram(NamedTuple):
    """``counts`` (bins,) of the values between ``edges`` (bins + 1,), their ``mean`` and ``deviation``.

    ``zeros`` is the share, in [0, 1], of values that are exactly zero: of silent rectifiers, for example.
    """

    counts: Tensor
    edges: Tensor
    mean: float
    deviation: float
    zeros: float


def activation_histograms(
    model: nn.Module, batches: Sequence[Inputs], layers: Sequence[str], bins: int = 60
) -> dict[str, Histogram]:
    """The outputs of ``layers`` over all ``batches``, which are gone through twice: for the range, then to count.

    Args:
        model: any network; it runs in evaluation mode and is left in its own.
        batches: inputs as the network takes them.
        layers: names.
        bins: of equal width, from the smallest to the largest value.

    Raises:
        ArgumentError: no such layer, or fewer than one bin.
        InputError: no batch, or values that are not finite; names the layer.
    """
    with evaluating(model), torch.no_grad():
        ranges: dict[str, tuple[float, float]] = dict.fromkeys(layers, (math.inf, -math.inf))
        for inputs in batches:
            for name, values in layer_outputs(model, inputs, layers).items():
                low, high = (float(value) for value in values.aminmax())
                ranges[name] = min(low, ranges[name][0]), max(high, ranges[name][1])
        sums = {name: _Sum(name, *limits, bins) for name, limits in ranges.items()}
        for inputs in batches:
            for name, values in layer_outputs(model, inputs, layers).items():
                sums[name].add(values)
    return {name: total.histogram() for name, total in sums.items()}


def gradient_histograms(model: nn.Module, loss: Callable[[nn.Module], Tensor], bins: int = 60) -> dict[str, Histogram]:
    """The gradient of ``loss`` by each parameter, name -> histogram; those that the loss does not see are left out.

    Args:
        model: any network, in the mode it is in; no ``grad`` is touched.
        loss: of the network, a scalar.
        bins: of equal width, from the smallest to the largest value.

    Raises:
        ArgumentError: fewer than one bin.
        InputError: nothing requires a gradient, or one that is not finite; names the parameter.

    Source: Glorot and Bengio 2010, figures 6 and 7.
    """
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not named:
        raise InputError(f"{type(model).__name__} has nothing to train", hint="unfreeze: parameter.requires_grad_()")
    with torch.enable_grad():
        found = torch.autograd.grad(loss(model), list(named.values()), allow_unused=True)
    return {name: histogram(name, values, bins) for name, values in zip(named, found) if values is not None}


def histogram(name: str, values: Tensor, bins: int = 60) -> Histogram:
    """The histogram of one tensor, called ``name`` in errors.

    Raises:
        ArgumentError: fewer than one bin.
        InputError: no values, or some that are not finite.
    """
    low, high = (float(value) for value in values.detach().aminmax()) if values.numel() else (math.inf, -math.inf)
    total = _Sum(name, low, high, bins)
    total.add(values)
    return total.histogram()


class _Sum:
    """Counts and moments of values that come in parts."""

    def __init__(self, name: str, low: float, high: float, bins: int) -> None:
        if bins < 1:
            raise ArgumentError(f"a histogram of {bins} bins", hint="choose a number from 1", path=("bins",))
        if low > high:
            raise InputError(f"'{name}' has no values", hint="give at least one batch")
        if not math.isfinite(high - low):
            raise InputError(f"'{name}' has values that are not finite", hint="look for the first NaN or infinity")
        if low == high:
            low, high = low - 0.5, high + 0.5
        self.edges = numpy.linspace(low, high, bins + 1)
        self.counts = numpy.zeros(bins, dtype=numpy.int64)
        self.sum = self.squares = 0.0
        self.zeros = 0

    def add(self, values: Tensor) -> None:
        flat = values.detach().flatten().double().cpu().numpy()
        self.counts += numpy.histogram(flat, self.edges)[0]
        self.sum += float(flat.sum())
        self.squares += float((flat**2).sum())
        self.zeros += int((flat == 0).sum())

    def histogram(self) -> Histogram:
        number = int(self.counts.sum())
        mean = self.sum / number
        deviation = math.sqrt(max(self.squares / number - mean**2, 0.0))
        counts, edges = torch.from_numpy(self.counts), torch.from_numpy(self.edges)
        return Histogram(counts, edges, mean, deviation, self.zeros / number)
