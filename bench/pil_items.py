"""MNIST as torchvision serves it, item by item: a PIL image, ``ToTensor``, ``Normalize``.

Makes the same calls on the same types as torchvision's ``MNIST.__getitem__`` and its two transforms, without the
package.
"""

from __future__ import annotations

import numpy
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset


class PilItems(Dataset[tuple[Tensor, int]]):
    """Grey images (count, height, width) as uint8, normalized by ``mean`` and ``std`` of pixels in [0, 1]."""

    def __init__(self, images: Tensor, labels: Tensor, mean: float, std: float) -> None:
        self.data, self.targets, self.mean, self.std = images, labels, mean, std

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, target = self.data[index], int(self.targets[index])
        return normalize(to_tensor(Image.fromarray(image.numpy())), [self.mean], [self.std]), target


def to_tensor(picture: Image.Image) -> Tensor:
    """float32 (channels, height, width) in [0, 1]."""
    image = torch.from_numpy(numpy.array(picture, numpy.uint8, copy=True))
    image = image.view(picture.size[1], picture.size[0], len(picture.getbands()))
    return image.permute((2, 0, 1)).contiguous().to(dtype=torch.get_default_dtype()).div(255)


def normalize(image: Tensor, mean: list[float], std: list[float]) -> Tensor:
    """(image - mean) / std, channel by channel."""
    image = image.clone()
    means = torch.as_tensor(mean, dtype=image.dtype, device=image.device)
    deviations = torch.as_tensor(std, dtype=image.dtype, device=image.device)
    if bool((deviations == 0).any()):
        raise ValueError("a deviation is 0")
    return image.sub_(means.view(-1, 1, 1)).div_(deviations.view(-1, 1, 1))
