"""Moving digits: pictures that fly about a square and bounce off its sides."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import ArgumentError, InputError
from ...core.seeding import generator


def moving_digits(
    digits: Tensor, rows: int, frames: int = 20, size: int = 64, objects: int = 2, seed: int = 0
) -> Tensor:
    """Films of digits that move at constant speed and bounce: uint8 (rows, frames, size, size).

    Each film has ``objects`` digits drawn from ``digits``, placed at random; their speed is 3.6 of 64 pixels a frame in
    a random direction. Where digits overlap, the brighter pixel is seen.

    Args:
        digits: pictures, uint8 (count, height, width), no larger than the film.
        rows: how many films.
        frames: pictures of a film.
        size: its height and width in pixels.
        objects: digits in each.
        seed: of everything.

    Raises:
        InputError: no pictures, of another kind, or larger than the film.
        ArgumentError: a number below its least.

    Source: Srivastava, Mansimov and Salakhutdinov (2015), section 4.1 (Moving MNIST); Shi et al. (2015), section 4.1.
    """
    for name, value, least in (("rows", rows, 0), ("frames", frames, 1), ("objects", objects, 1)):
        if value < least:
            raise ArgumentError(f"{name} is {value}", hint=f"give at least {least}", path=(name,))
    if digits.dim() != 3 or not len(digits) or digits.dtype != torch.uint8:
        message = f"digits are {digits.dtype} of the shape {tuple(digits.shape)}"
        raise InputError(message, hint="give uint8 (count, height, width), at least one picture")
    height, width = digits.shape[1:]
    if max(height, width) > size:
        message = f"digits of {height} x {width} pixels do not fit a film of {size} x {size}"
        raise InputError(message, hint="give a larger size, or smaller pictures")
    source = generator(seed, "moving digits", size, objects)
    chosen = digits[torch.randint(0, len(digits), (rows, objects), generator=source)]
    room = torch.tensor([size - height, size - width], dtype=torch.float64)
    start = torch.rand(rows, objects, 2, generator=source, dtype=torch.float64) * room
    angle = 2 * torch.pi * torch.rand(rows, objects, generator=source, dtype=torch.float64)
    velocity = 3.6 * size / 64 * torch.stack([angle.sin(), angle.cos()], -1)
    steps = torch.arange(frames, dtype=torch.float64)[:, None, None, None]
    place = _reflected(start + steps * velocity, room).round().long()  # (frames, rows, objects, 2)
    film = torch.zeros(rows, frames, size, size, dtype=torch.uint8)
    for row in range(rows):
        for frame in range(frames):
            for digit, (top, left) in zip(chosen[row], place[frame, row].tolist()):
                window = film[row, frame, top : top + height, left : left + width]
                torch.maximum(window, digit, out=window)
    return film


def _reflected(place: Tensor, room: Tensor) -> Tensor:
    """``place`` folded into [0, room], as a ball between two walls moves."""
    around = torch.where(room > 0, 2 * room, 1.0)
    folded = place.remainder(around)
    return torch.where(room > 0, torch.minimum(folded, around - folded), 0.0)
