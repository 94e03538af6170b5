"""Films in windows: some frames, and those that follow."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import DataError
from .film import Film
from .ragged import Ragged


class FilmWindows:
    """The first frames of a window with those that follow, every frame a target at most once.

    A film gives a window every ``horizon`` frames as long as it lasts. Inputs are ``(x,)``, float32 (count, past,
    channels, height, width) in [0, 1], targets float32 (count, horizon, pixels), the pixels of all channels in a row.

    Args:
        films: all of one size.
        past: frames that are seen.
        horizon: frames that follow.

    Raises:
        DataError: a film shorter than a window; names it.

    Attributes:
        places: the film of each window, and the frame at which it begins.
    """

    unit = "frame"

    def __init__(self, films: Sequence[Film], past: int, horizon: int) -> None:
        self.past, self.horizon, span = past, horizon, past + horizon
        self._frames = Ragged.from_rows([film.frames for film in films])
        self.places = []
        for number, film in enumerate(films):
            if len(film.frames) < span:
                message = f"{film.place} has {len(film.frames)} frames, and a window {past} + {horizon}"
                raise DataError(message, hint="give longer films, or set a smaller past or horizon")
            self.places += [(number, start) for start in range(0, len(film.frames) - span + 1, horizon)]
        films_of, begin = torch.tensor(self.places, dtype=torch.int64).view(-1, 2).unbind(1)
        self._begin = self._frames.starts[films_of] + begin
        self.lengths = torch.full_like(self._begin, span)
        self.counts = torch.full_like(self._begin, horizon)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        frames = self.frames(indices).float() / 255
        return (frames[:, : self.past],), frames[:, self.past :].flatten(2)

    def frames(self, indices: Tensor) -> Tensor:
        """The whole windows, uint8 (count, past + horizon, channels, height, width)."""
        return self._frames.flat[self._begin[indices][:, None] + torch.arange(self.past + self.horizon)]

    def fingerprint(self) -> int:
        return self._frames.fingerprint(self.past * 65537 + self.horizon)
