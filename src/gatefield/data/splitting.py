"""Hold out a part of a data set: seeded, exact in size, with every class in proportion."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import ArgumentError, DataError
from ..core.seeding import generator
from .reader import LabelledImages


def split(
    images: LabelledImages, held_out: float | int, seed: int, *, stratified: bool = True
) -> tuple[Tensor, Tensor]:
    """Indices of the rest and of the held-out part, each ascending; together all images, each once.

    Args:
        images: the data set; only its labels are looked at.
        held_out: a fraction in [0, 1) of the images, or their number if a whole number.
        seed: the same seed gives the same split.
        stratified: every class is held out in proportion (largest remainders), and keeps at least one image in
            the rest.

    Raises:
        ArgumentError: the part is not in [0, 1), or not smaller than the data set.
        DataError: there are too few images to hold out as many and leave every class one.
    """
    labels = images.labels
    count = round(held_out * len(labels)) if isinstance(held_out, float) else held_out
    if count < 0 or (isinstance(held_out, float) and held_out >= 1) or (count >= len(labels) and count > 0):
        raise ArgumentError(
            f"cannot hold out {held_out} of {len(labels)} images",
            hint=f"give a fraction in [0, 1), or a number below {len(labels)}",
        )
    random = generator(seed, "split")
    order = torch.randperm(len(labels), generator=random)
    if stratified and count > 0:
        classes = int(labels.max()) + 1
        quotas = _quotas(torch.bincount(labels, minlength=classes), count)
        by_class = order[torch.argsort(labels[order], stable=True)]
        ordered_labels = labels[by_class]
        first = torch.searchsorted(ordered_labels, torch.arange(classes))
        rank = torch.arange(len(labels)) - first[ordered_labels]
        chosen = by_class[rank < quotas[ordered_labels]]
    else:
        chosen = order[:count]
    is_held_out = torch.zeros(len(labels), dtype=torch.bool)
    is_held_out[chosen] = True
    return torch.nonzero(~is_held_out).flatten(), torch.nonzero(is_held_out).flatten()


def _quotas(sizes: Tensor, count: int) -> Tensor:
    """How many of each class: ``count * sizes / total`` rounded so that the sum is ``count``, one of each kept back."""
    limits = (sizes - 1).clamp(min=0)
    if int(limits.sum()) < count:
        raise DataError(
            f"cannot hold out {count} of {int(sizes.sum())} images and leave every class one",
            hint="hold out less, or give more images of the rare classes",
        )
    exact = sizes.double() * count / sizes.sum()
    quotas = torch.minimum(exact.floor().long(), limits)
    while (missing := count - int(quotas.sum())) > 0:
        remainders = torch.where(quotas < limits, exact - quotas, -torch.inf)
        best = torch.argsort(remainders, descending=True, stable=True)[:missing]
        quotas[best[quotas[best] < limits[best]]] += 1
    return quotas
