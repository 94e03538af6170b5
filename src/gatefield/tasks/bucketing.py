"""Sequences in batches of like lengths, as a session wants them."""

from __future__ import annotations

from typing import Literal

from ..data.length_buckets import LengthBuckets
from ..data.sequence_set import Sequences
from .task import Session


def bucketed(sequences: Sequences, batch_size: int | Literal["all"], shuffle: bool, session: Session) -> LengthBuckets:
    """`LengthBuckets` of ``sequences`` with the session's seed, this process taking its part of each batch."""
    group = session.processes
    return LengthBuckets(sequences, batch_size, seed=session.seed, shuffle=shuffle, rank=group.rank, world=group.count)
