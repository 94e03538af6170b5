"""From raw pixels to the network's input, the same in training and in prediction."""

from __future__ import annotations

import pathlib
from typing import Annotated, Any, Literal

import numpy
import torch
from torch import Tensor

from ..core.arguments import Interval, PositiveFloat, PositiveInt
from ..core.configurable import Configurable
from ..core.errors import ArgumentError, DataError
from .moments import moments
from .reader import LabelledImages

MemoryFormat = Literal["channels_last", "contiguous"]


class Preparation(Configurable):
    """Normalizes each channel (each feature of plain vectors) to what the training part had.

    The equation, in raw units (0 .. 255 for pixels)::

        input = (raw - mean) / std

    Args:
        shape: (channels, height, width) of an image with 1 or 3 channels, or (features,) of a plain vector.
        mean: one number a channel or feature.
        std: likewise.

    Raises:
        ArgumentError: the numbers of means, deviations and channels differ.
    """

    kind = "preparation"

    def __init__(
        self,
        shape: tuple[PositiveInt, ...],
        mean: list[Annotated[float, Interval("(-inf, inf)")]],
        std: list[PositiveFloat],
    ) -> None:
        if len(mean) != shape[0] or len(std) != shape[0]:
            raise ArgumentError(
                f"{len(mean)} means and {len(std)} deviations for {shape[0]} channels",
                hint="give one mean and one deviation a channel",
            )
        self.shape, self.mean, self.std = shape, mean, std
        column = (-1, *(1 for _ in shape[1:]))
        self._constants = {
            torch.device("cpu"): (torch.tensor(mean).view(column), torch.tensor(std).view(column)),
        }

    @classmethod
    def fit(cls, images: LabelledImages, indices: Tensor | None = None) -> Preparation:
        """The preparation for the images at ``indices`` (the training part; by default all); see `moments`.

        A constant channel has deviation 1. A set on disk is read through once.

        Raises:
            DataError: there is no image, or a value is not finite.
        """
        mean, std = moments(images, torch.arange(len(images)) if indices is None else indices)
        std = torch.where(std > 0, std, torch.ones_like(std))
        return cls(shape=images.shape, mean=mean.tolist(), std=std.tolist())

    def __call__(
        self, batch: Tensor, device: torch.device | str = "cpu", memory_format: MemoryFormat = "contiguous"
    ) -> Tensor:
        """The float32 input (count, *shape) on ``device`` for a raw ``batch`` (count, *shape); raw pixels travel."""
        device = torch.device(device)
        mean, std = self._on(device)
        layout = (
            torch.channels_last if memory_format == "channels_last" and batch.dim() == 4 else torch.contiguous_format
        )
        moved = batch.to(device, non_blocking=True)
        inputs = moved.to(torch.float32, memory_format=layout, copy=True)
        return inputs.sub_(mean).div_(std)

    def inverse(self, inputs: Tensor) -> Tensor:
        """The raw values, float32, of prepared ``inputs`` (count, *shape)."""
        mean, std = self._on(inputs.device)
        return inputs * std + mean

    def from_file(self, path: pathlib.Path | str) -> Tensor:
        """A raw batch (1, *shape) of the image in ``path``, decoded and resized exactly as in training.

        Raises:
            DataError: the file is missing or damaged, or this preparation is of plain vectors.
        """
        from .decode import decode

        if len(self.shape) != 3:
            raise DataError(f"{path} is an image, but the model takes {self.shape[0]} numbers", hint="give an array")
        channels, height, width = self.shape
        if channels not in (1, 3):
            raise DataError(f"{path} cannot have {channels} channels", hint="give an array")
        return decode(pathlib.Path(path), channels, (height, width))[None]

    def from_array(self, array: Any) -> Tensor:
        """A raw batch of an array (or tensor, or nested list) of one input or of several.

        One channel may be left out: (height, width) and (count, height, width) become (count, 1, height, width).
        Numbers of type uint8 stay so; all others become float32, in the same units as the training data.

        Raises:
            DataError: the array has another shape, or does not hold numbers.
        """
        values = array if isinstance(array, Tensor) else numpy.asarray(array)
        if not isinstance(values, Tensor):
            if values.dtype.kind not in "buif":
                raise DataError(f"an array of {values.dtype} does not hold numbers", hint="give numbers")
            values = torch.from_numpy(numpy.ascontiguousarray(values.astype(values.dtype.newbyteorder("="))))
        shape = tuple(values.shape)
        without_channel = self.shape[1:] if self.shape[0] == 1 and len(self.shape) == 3 else None
        if not any(
            shape[-len(part) :] == part and len(shape) - len(part) in (0, 1)
            for part in (self.shape, without_channel)
            if part
        ):
            raise DataError(
                f"an array of shape {shape} is not an input of shape {self.shape}",
                hint=f"give {self.shape}, or (count, {', '.join(map(str, self.shape))})",
            )
        batch = values.reshape(-1, *self.shape)
        return batch if batch.dtype == torch.uint8 else batch.to(torch.float32)

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        if device not in self._constants:
            mean, std = self._constants[torch.device("cpu")]
            self._constants[device] = mean.to(device), std.to(device)
        return self._constants[device]
