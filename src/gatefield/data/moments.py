"""Mean and standard deviation of a data set, channel by channel, exact and in one pass."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import DataError
from .reader import LabelledImages

_CHUNK = 512


def moments(images: LabelledImages, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased standard deviation, float64 (channels,), over all pixels of the images at ``indices``.

    Pixels of type uint8 are counted (256 values a channel), so the result is the same on any number of threads.
    Other numbers are accumulated chunk by chunk in float64 (Chan, Golub and LeVeque 1983, equation 1.5).

    Raises:
        DataError: there is no image, or a value is not finite.
    """
    if len(indices) == 0:
        raise DataError("there is no training image to measure mean and deviation on", hint="give more images")
    if images.batch(indices[:1]).dtype == torch.uint8:
        return _of_pixels(images, indices)
    return _of_numbers(images, indices)


def _of_pixels(images: LabelledImages, indices: Tensor) -> tuple[Tensor, Tensor]:
    counts = torch.zeros(images.shape[0], 256, dtype=torch.int64)
    for chunk in indices.split(_CHUNK):
        batch = images.batch(chunk)
        for channel, row in enumerate(counts):
            row += torch.bincount(batch[:, channel].reshape(-1), minlength=256)
    weights, values = counts / counts.sum(1, keepdim=True, dtype=torch.float64), torch.arange(256).double()
    mean = weights @ values
    return mean, (weights * (values - mean[:, None]) ** 2).sum(1).sqrt()


def _of_numbers(images: LabelledImages, indices: Tensor) -> tuple[Tensor, Tensor]:
    axes = (0, *range(2, len(images.shape) + 1))
    count, mean, squares = 0, torch.zeros(images.shape[0]).double(), torch.zeros(images.shape[0]).double()
    for chunk in indices.split(_CHUNK):
        values = images.batch(chunk).double()
        finite = torch.isfinite(values.flatten(1)).all(1)
        if not finite.all():
            bad = int(chunk[int((~finite).nonzero()[0])])
            raise DataError(
                f"{images.source(bad)} holds a value that is not finite", hint="replace missing values before training"
            )
        here = values.numel() // images.shape[0]
        variance, average = torch.var_mean(values, axes, correction=0)
        squares += variance * here + (average - mean) ** 2 * (count * here / (count + here))
        mean += (average - mean) * (here / (count + here))
        count += here
    return mean, (squares / count).sqrt()
