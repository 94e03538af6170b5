"""Windows of a series with what follows them: scaled, in batches, and blind to what lies beyond their part."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from ..core.arguments import Interval, PositiveFloat
from ..core.configurable import Configurable
from ..core.errors import ArgumentError, DataError
from ..core.seeding import generator
from .sequence_set import SequenceBatch

Number = Annotated[float, Interval("(-inf, inf)")]


class Scaling(Configurable):
    """Maps values to the network's units and back; measured on the training part alone.

        s(y) = (g(y) - mean) / std,  g the identity or the logarithm

    Args:
        mean: of g(y), one number a column.
        std: likewise; 1 for a constant column.
        logarithm: whether g is the logarithm.

    Raises:
        ArgumentError: the numbers of means and deviations differ.
    """

    kind = "scaling"

    def __init__(self, mean: list[Number], std: list[PositiveFloat], logarithm: bool = False) -> None:
        if len(mean) != len(std):
            hint = "give one of each a column"
            raise ArgumentError(f"{len(mean)} means and {len(std)} deviations", hint=hint, path=("std",))
        self.logarithm = logarithm
        self._mean, self._std = torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64)

    @classmethod
    def fit(cls, training: Tensor, logarithm: bool = False) -> Scaling:
        """The scaling of ``training`` (time, columns).

        Raises:
            DataError: no step, or a logarithm of values that are not positive.
        """
        if len(training) == 0:
            raise DataError("there is no training step to measure mean and deviation on", hint="give a longer series")
        if logarithm:
            _require_positive(training, "set logarithm=false")
        values = training.double().log() if logarithm else training.double()
        mean = values.mean(0)
        std = (values - mean).square().mean(0).sqrt()
        if not bool(std.isfinite().all()):
            largest = float(training[:, ~std.isfinite()].abs().max())
            hint = "look for a wrong value, or count in larger units"
            raise DataError(f"values as large as {largest:g} have no deviation that a computer can hold", hint=hint)
        # What rounding leaves of a constant column is no deviation.
        std = torch.where(std > 1e-12 * values.abs().amax(0), std, torch.ones_like(std))
        return cls(mean.tolist(), std.tolist(), logarithm)

    def __call__(self, values: Tensor) -> Tensor:
        """``values`` (..., columns) in the network's units, float64.

        Raises:
            DataError: a logarithm of a value that is not positive.
        """
        values = values.double()
        if self.logarithm:
            _require_positive(values, "train with logarithm=false")
        return ((values.log() if self.logarithm else values) - self._mean) / self._std

    def inverse(self, scaled: Tensor) -> Tensor:
        """The values whose scaled ones these are."""
        values = scaled.double() * self._std + self._mean
        return values.exp() if self.logarithm else values


def _require_positive(values: Tensor, advice: str) -> None:
    """Raise unless all of ``values`` (..., time, columns) have a logarithm."""
    wrong = ~(values > 0)
    if wrong.any():
        *_, step, _ = wrong.nonzero()[0].tolist()
        message = f"the value {float(values[wrong][0]):g} at step {step} is not positive and has no logarithm"
        raise DataError(message, hint=f"{advice}: only positive values have one")


class Window(NamedTuple):
    """Windows before their origins, and what follows.

    Attributes:
        past: (count, window, series + covariates), the last step being the one before the origin.
        future: (count, horizon, covariates).
        targets: (count, horizon, series).
    """

    past: Tensor
    future: Tensor
    targets: Tensor


class Windows:
    """Every window of a part of a series.

    The origin o is the first step that is forecast: window o sees steps o - window .. o - 1 and is followed by
    o .. o + horizon - 1. All origins whose targets lie in ``start .. stop - 1`` are windows of this part; the past of
    the first ones may reach back beyond ``start``, nothing reaches ``stop``.

    Args:
        values: scaled, (time, series).
        covariates: scaled, (time or more, covariates).
        window: steps to see.
        horizon: steps to forecast.
        start, stop: the part.
        every: steps from one origin to the next.
    """

    def __init__(
        self, values: Tensor, covariates: Tensor, window: int, horizon: int, start: int, stop: int, every: int = 1
    ) -> None:
        self.window, self.horizon = window, horizon
        self.origins = torch.arange(max(start, window), stop - horizon + 1, every)
        self.series = values.shape[1]
        # Copies, so that nothing beyond the part can be reached or changes the fingerprint.
        self._table = torch.cat([values[:stop], covariates[:stop]], 1).float()

    def __len__(self) -> int:
        return len(self.origins)

    def batch(self, indices: Tensor) -> Window:
        """The windows number ``indices``, int64 (count,)."""
        starts = self.origins[indices][:, None] - self.window
        rows = self._table[starts + torch.arange(self.window + self.horizon)]
        past, ahead = rows[:, : self.window], rows[:, self.window :]
        return Window(past, ahead[:, :, self.series :], ahead[:, :, : self.series])

    def fingerprint(self) -> int:
        """A checksum that changes when the data or their division do."""
        content = zlib.crc32(self._table.contiguous().numpy().tobytes(), self.window * 65537 + self.horizon)
        return zlib.crc32(self.origins.numpy().tobytes(), content)


def relative(window: Window, series: int, level: Literal["last", "none"]) -> tuple[Window, Tensor]:
    """``window`` with its values counted from the last one that is seen, and that value (count, 1, series).

    A network that forecasts changes follows a series wherever it wanders (Zeng et al. 2023, section 4). With the level
    "none" the values stay, and the level is zero.
    """
    base = window.past[:, -1:, :series]
    base = base if level == "last" else torch.zeros_like(base)
    past = torch.cat([window.past[:, :, :series] - base, window.past[:, :, series:]], 2)
    return Window(past, window.future, window.targets - base), base


def inputs_of(window: Window) -> tuple[Tensor, ...]:
    """The arguments of a forecasting network: past, and where there are covariates lengths and future."""
    if window.future.shape[2] == 0:
        return (window.past,)
    lengths = torch.full((len(window.past),), window.past.shape[1])
    return window.past, lengths, window.future


class WindowBatches:
    """The batches of `Windows`, epoch by epoch; the order of each is drawn from (seed, "order", epoch).

    Args:
        windows: of one part.
        batch_size: windows a batch over all processes, or "all"; the last may be smaller.
        level: see `relative`.
        seed: of the order.
        shuffle: whether there is an order, or the windows come as time goes.
        rank, world: this process and how many there are; a process without a part takes one window with share 0.
    """

    unit = "window"

    def __init__(
        self,
        windows: Windows,
        batch_size: int | Literal["all"],
        *,
        level: Literal["last", "none"],
        seed: int,
        shuffle: bool,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.windows, self.seed, self.shuffle = windows, seed, shuffle
        self.level: Literal["last", "none"] = level
        self.batch_size = max(len(windows), 1) if batch_size == "all" else batch_size
        self.rank, self.world = rank, world

    def sizes(self, epoch: int) -> list[int]:
        """The sizes of the whole batches."""
        count = len(self.windows)
        return [min(self.batch_size, count - first) for first in range(0, count, self.batch_size)]

    def epoch(self, epoch: int, start: int = 0) -> Iterator[SequenceBatch]:
        """The batches of an epoch, from number ``start`` on."""
        order = torch.arange(len(self.windows))
        if self.shuffle:
            order = torch.randperm(len(order), generator=generator(self.seed, "order", epoch))
        for number in range(start, math.ceil(len(order) / self.batch_size)):
            whole = order[number * self.batch_size : (number + 1) * self.batch_size]
            first, end = (place * len(whole) // self.world for place in (self.rank, self.rank + 1))
            indices = whole[first:end] if end > first else whole[:1]
            window, _ = relative(self.windows.batch(indices), self.windows.series, self.level)
            yield SequenceBatch(inputs_of(window), window.targets, indices, len(whole), (end - first) / len(whole))
