"""Parts of a spectrogram hidden in training, so that a network does not lean on any of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from ..core.arguments import NonNegativeInt
from ..core.configurable import Configurable
from ..core.errors import ArgumentError
from ..core.seeding import generator
from .length_buckets import LengthBuckets
from .sequence_set import SequenceBatch


class SpectrogramMasks(Configurable):
    """Stripes of frames and of bands set to their mean, 0: SpecAugment without time warping.

        width ~ U{0 .. W},  start ~ U{0 .. size - width},  x[start .. start + width - 1] = 0

    A stripe of time covers at most a fifth of a recording.

    Args:
        times, bands: how many stripes of time, and how many of bands, in each recording.
        longest: W of stripes of time, in frames.
        widest: W of stripes of bands.

    Raises:
        ArgumentError: there is no stripe, or one that is never wider than nothing.

    Source: Park et al. (2019), SpecAugment, section 2.
    """

    kind: ClassVar[str] = "spectrogram masks"
    reference: ClassVar[str] = "park2019"

    def __init__(
        self,
        times: NonNegativeInt = 2,
        bands: NonNegativeInt = 2,
        longest: NonNegativeInt = 20,
        widest: NonNegativeInt = 8,
    ) -> None:
        for name, count, width in (("times", times, longest), ("bands", bands, widest)):
            if (count == 0) != (width == 0):
                message = f"{count} stripes of width up to {width} hide nothing"
                raise ArgumentError(message, hint="set both to 0 for none", path=(name,))
        if not times and not bands:
            raise ArgumentError("no stripe hides anything", hint="leave the masks out", path=("times",))
        self.times, self.bands, self.longest, self.widest = times, bands, longest, widest

    def __call__(self, x: Tensor, lengths: Tensor, chances: Tensor) -> Tensor:
        """``x`` (count, time, bands) with its stripes hidden.

        Args:
            lengths: frames of each row.
            chances: (count, times + bands, 2) in [0, 1), what the widths and starts of each row are drawn by.
        """
        over_time, over_bands = chances.split([self.times, self.bands], 1)
        hidden_times = _stripes(over_time, lengths, (lengths // 5).clamp(max=self.longest), x.shape[1])
        sizes = torch.full_like(lengths, x.shape[2])
        hidden_bands = _stripes(over_bands, sizes, sizes.clamp(max=self.widest), x.shape[2])
        return x.masked_fill(hidden_times[:, :, None] | hidden_bands[:, None, :], 0)

    def draw(self, count: int, seed: int, epoch: int) -> Tensor:
        """The chances of all ``count`` recordings in an epoch, a pure function of its arguments."""
        return torch.rand(count, self.times + self.bands, 2, generator=generator(seed, "masks", epoch))


def _stripes(chances: Tensor, sizes: Tensor, widest: Tensor, longest: int) -> Tensor:
    """Which places lie in a stripe, bool (count, longest)."""
    widths = (chances[..., 0] * (widest + 1)[:, None]).floor()
    starts = (chances[..., 1] * (sizes[:, None] - widths + 1)).floor()
    place = torch.arange(longest)
    return ((place >= starts[..., None]) & (place < (starts + widths)[..., None])).any(1)


class MaskedBuckets:
    """The batches of ``buckets``, whose recordings lose other stripes in each epoch, whatever batch they are in."""

    carries = False

    def __init__(self, buckets: LengthBuckets, masks: SpectrogramMasks) -> None:
        self.buckets, self.masks, self.unit = buckets, masks, buckets.unit

    def sizes(self, epoch: int) -> list[int]:
        """As of the buckets."""
        return self.buckets.sizes(epoch)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[SequenceBatch]:
        """This process's part of each batch, from batch ``start`` on."""
        chances = self.masks.draw(len(self.buckets.sequences.lengths), self.buckets.seed, epoch)
        for batch in self.buckets.epoch(epoch, start):
            x, lengths = batch.inputs
            yield batch._replace(inputs=(self.masks(x, lengths, chances[batch.indices]), lengths))

    def fingerprint(self) -> int:
        """As of the buckets."""
        return self.buckets.fingerprint()
