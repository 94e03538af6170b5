"""The same piece of music in other keys."""

from __future__ import annotations

import torch

from .corpus import Roll


def transpositions(roll: Roll, most: int) -> list[Roll]:
    """``roll`` moved by -most ... most semitones, without those that would lose a note at an end of the keyboard.

    The piece itself is among them. A piece without any note has no other key.

    Source: training in all keys is the custom for piano rolls; the rolls are those of Boulanger-Lewandowski, Bengio and
    Vincent (2012).
    """
    sounding = roll.notes.any(0).nonzero()
    if not len(sounding):
        return [roll]
    lowest, highest = int(sounding[0]), int(sounding[-1])
    down, up = min(most, lowest), min(most, roll.notes.shape[1] - 1 - highest)
    return [roll._replace(notes=torch.roll(roll.notes, by, dims=1)) for by in range(-down, up + 1)]
