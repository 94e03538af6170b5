"""How wrong forecasts of frames are, and what simple forecasts say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..data.film import Film
from ..data.film_windows import FilmWindows

BATCH = 256
#: Half a level of grey: a pixel is known no better, and a forecast that is surer of it is counted as this sure.
SUREST = 0.5 / 255


class FilmErrors:
    """Errors of forecasts, for each step ahead: sums over the pixels of a frame, means over frames.

    The cross-entropy -sum_k [t_k log p_k + (1 - t_k) log(1 - p_k)] is in nats, as Shi et al. (2015) report it. Pixels
    are greys, not on or off, so that even a forecast that is right keeps the entropy of its frame: ``least``.
    """

    def __init__(self, horizon: int) -> None:
        self.windows, self._sums = 0, torch.zeros(3, horizon, dtype=torch.float64)

    def add(self, logits: Tensor, targets: Tensor) -> None:
        """Take in forecasts (windows, horizon, pixels), before the logistic function, and what came."""
        z, t = logits.double(), targets.double()
        losses = functional.binary_cross_entropy_with_logits(z, t, reduction="none")
        squares = (z.sigmoid() - t).square()
        self._sums += torch.stack([part.sum((0, 2)) for part in (losses, squares, entropies(t))])
        self.windows += len(z)

    @property
    def metrics(self) -> dict[str, Any]:
        """``count`` of frames, ``loss``, ``squared_error``, ``least``, and the first two at each of the ``steps``."""
        horizon = self._sums.shape[1]
        by_step = (self._sums / max(self.windows, 1)).tolist()
        loss, squared, least = (sum(row) / horizon for row in by_step)
        steps = [{"step": k, "loss": a, "squared_error": b} for k, (a, b, _) in enumerate(zip(*by_step), 1)]
        count = self.windows * horizon
        return {"count": count, "loss": loss, "squared_error": squared, "least": least, "steps": steps}


def entropies(t: Tensor) -> Tensor:
    """The cross-entropy of forecasts that are right, -t log t - (1 - t) log(1 - t), of each pixel in [0, 1]."""
    return -(torch.special.xlogy(t, t) + torch.special.xlog1py(1 - t, -t))


def batches(films: Sequence[Film], past: int, horizon: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets of all windows, some at a time."""
    windows = FilmWindows(films, past, horizon)
    for indices in torch.arange(len(windows.counts)).split(BATCH):
        (x,), targets = windows.batch(indices)
        yield x, targets


def baselines(train: Sequence[Film], films: Sequence[Film], past: int, horizon: int) -> dict[str, dict[str, Any]]:
    """Metrics on ``films`` of forecasts without a network; two of them learn from ``train``.

    The last frame again; what became of pixels as bright as this one, at each step ahead; the mean of all frames.
    """
    sums, counts, mean = torch.zeros(horizon, 256, dtype=torch.float64), torch.zeros(256, dtype=torch.float64), 0.0
    for x, targets in batches(train, past, horizon):
        brightness = _levels(x[:, -1].flatten(1))
        counts += torch.bincount(brightness.flatten(), minlength=256)
        for step, frames in enumerate(targets.double().unbind(1)):
            sums[step] += torch.bincount(brightness.flatten(), frames.flatten(), minlength=256)
        mean = mean + targets.double().sum((0, 1))
    became = (sums + 0.5) / (counts + 1)  # one pixel of middle grey more: levels that never occurred
    mean = mean / (counts.sum() / targets.shape[2] * horizon)
    found = {name: FilmErrors(horizon) for name in ("last frame", "last frame, by brightness", "mean frame")}
    for x, targets in batches(films, past, horizon):
        last = x[:, -1].flatten(1)
        found["last frame"].add(_logit(last)[:, None].expand_as(targets), targets)
        found["last frame, by brightness"].add(_logit(became[:, _levels(last)].transpose(0, 1)), targets)
        found["mean frame"].add(_logit(mean).expand_as(targets), targets)
    return {name: errors.metrics for name, errors in found.items()}


def _levels(pixels: Tensor) -> Tensor:
    """Levels of grey, 0 to 255."""
    return (pixels * 255).round().long()


def _logit(p: Tensor) -> Tensor:
    return p.double().clamp(SUREST, 1 - SUREST).logit()
