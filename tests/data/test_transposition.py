"""Pieces in other keys: intervals stay, nothing falls off the keyboard."""

from __future__ import annotations

import torch

from gatefield.data.corpus import Roll
from gatefield.data.transposition import transpositions


def piece(*chords: list[int]) -> Roll:
    notes = torch.zeros(len(chords), 88, dtype=torch.uint8)
    for time, keys in enumerate(chords):
        notes[time, keys] = 1
    return Roll(notes, "here:1")


def keys(roll: Roll) -> list[list[int]]:
    return [frame.nonzero()[:, 0].tolist() for frame in roll.notes]


def test_moves_every_key_by_the_same_step():
    moved = transpositions(piece([39, 43, 46], [], [41]), 2)
    assert [keys(roll) for roll in moved] == [
        [[key + by for key in chord] for chord in ([39, 43, 46], [], [41])] for by in (-2, -1, 0, 1, 2)
    ]
    assert all(roll.place == "here:1" and roll.notes.dtype == torch.uint8 for roll in moved)


def test_stops_at_the_ends_of_the_keyboard():
    assert [keys(roll)[0] for roll in transpositions(piece([1, 86]), 5)] == [[0, 85], [1, 86], [2, 87]]
    assert [keys(roll)[0] for roll in transpositions(piece([0, 87]), 5)] == [[0, 87]]


def test_silence_and_no_step_are_the_piece_itself():
    for roll, most in ((piece([], []), 5), (piece([5]), 0)):
        assert [keys(other) for other in transpositions(roll, most)] == [keys(roll)]
