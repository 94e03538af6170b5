"""Data sets of sequences, one class a kind of target: what a model is given and what it is to answer."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..core.errors import DataError
from .ragged import Ragged

#: A target that does not count, as torch's losses have it.
IGNORED = -100


class SequenceBatch(NamedTuple):
    """This process's part of one batch: see ``Batch`` of `gatefield.data.batching`.

    ``inputs`` are the arguments of the model, ``targets`` what its answers are compared with; ``size`` counts the
    targets that count in the whole batch over all processes, and ``share`` is this process's part of them.
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor | tuple[Tensor, ...]
    indices: Tensor
    size: int
    share: float


class Sequences(Protocol):
    """A data set of sequences.

    Attributes:
        unit: what its targets are called, for people.
        lengths: int64 (count,), how long each item is: items of similar length are batched together.
        counts: int64 (count,), how many targets of each item count; from 1.
    """

    unit: str
    lengths: Tensor
    counts: Tensor

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor | tuple[Tensor, ...]]:
        """Inputs and targets of the items at ``indices``."""
        ...

    def fingerprint(self) -> int:
        """A checksum that changes when the data change."""
        ...


class LabelledSequences:
    """One label a sequence. Inputs ``(x (count, time, ...), lengths)``, targets int64 (count,)."""

    unit = "sample"

    def __init__(self, rows: Ragged, labels: Tensor) -> None:
        _require_equal(len(rows), len(labels), "labels")
        self.rows, self.labels = rows, labels
        self.lengths, self.counts = rows.lengths, torch.ones_like(rows.lengths)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        return self.rows.padded(indices), self.labels[indices]

    def fingerprint(self) -> int:
        return Ragged.from_rows([self.labels]).fingerprint(self.rows.fingerprint())


class TaggedSequences:
    """One tag a step. Inputs ``(x (count, time, ...), lengths)``, targets int64 (count, time), padding `IGNORED`.

    Raises:
        DataError: a sequence without steps, or with another number of tags than steps.
    """

    unit = "token"

    def __init__(self, rows: Ragged, tags: Ragged) -> None:
        _require_equal(len(rows), len(tags), "sequences of tags")
        other = (rows.lengths != tags.lengths).nonzero().flatten()
        if len(other):
            first = int(other[0])
            raise DataError(
                f"sequence {first} has {int(rows.lengths[first])} steps but {int(tags.lengths[first])} tags",
                hint="give one tag a step",
            )
        self.rows, self.tags = rows, tags
        self.lengths = self.counts = _require_steps(rows.lengths, 1)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        return self.rows.padded(indices), self.tags.padded(indices, IGNORED)[0]

    def fingerprint(self) -> int:
        return self.tags.fingerprint(self.rows.fingerprint())


class ContinuedSequences:
    """What comes next, at every step: language models of sentences, names, piano rolls.

    Rows have begin and end already. Inputs ``(x_0 .. x_T-1, lengths)``, targets ``x_1 .. x_T``, padding `IGNORED`.
    Symbols are int64 (count, time); frames of other types become float32 (count, time, features).

    Raises:
        DataError: a sequence of fewer than two steps, which has nothing to predict.
    """

    unit = "token"

    def __init__(self, rows: Ragged) -> None:
        flat = rows.flat if rows.flat.dtype == torch.int64 else rows.flat.float()
        self.rows = Ragged(flat, _require_steps(rows.lengths, 2), rows.starts)
        self._before, self._after = self.rows.without_last(), self.rows.without_first()
        self.lengths = self.counts = self._before.lengths

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        return self._before.padded(indices), self._after.padded(indices, IGNORED)[0]

    def fingerprint(self) -> int:
        return self.rows.fingerprint()


class PairedSequences:
    """A sequence that becomes another, as in translation.

    Targets have begin and end already. Inputs ``(source (count, time), lengths, y_0 .. y_T-1 (count, time'),
    lengths)``, targets ``y_1 .. y_T``, padding `IGNORED`. The length of a pair is that of the longer. The model is told
    the lengths of targets too, so that its output layer spends nothing on padding.

    Raises:
        DataError: different numbers of sources and targets, or a target without begin and end.
    """

    unit = "token"

    def __init__(self, sources: Ragged, targets: Ragged) -> None:
        _require_equal(len(sources), len(targets), "targets")
        self.sources, self.targets = sources, targets
        _require_steps(targets.lengths, 2)
        self._before, self._after = targets.without_last(), targets.without_first()
        self.counts = self._before.lengths
        self.lengths = torch.maximum(sources.lengths, self.counts)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        return (
            (*self.sources.padded(indices), *self._before.padded(indices)),
            self._after.padded(indices, IGNORED)[0],
        )

    def fingerprint(self) -> int:
        return self.targets.fingerprint(self.sources.fingerprint())


class TranscribedSequences:
    """Frames with a shorter row of symbols that are not aligned with them, for CTC.

    Inputs ``(x (count, time, features), lengths)``, targets ``(symbols (count, time'), their lengths)``. The mean loss
    is one over items.

    Raises:
        DataError: different numbers of recordings and texts.
    """

    unit = "sample"

    def __init__(self, rows: Ragged, texts: Ragged) -> None:
        _require_equal(len(rows), len(texts), "texts")
        self.rows, self.texts = rows, texts
        self.lengths, self.counts = rows.lengths, torch.ones_like(rows.lengths)

    def batch(self, indices: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        return self.rows.padded(indices), self.texts.padded(indices)

    def fingerprint(self) -> int:
        return self.texts.fingerprint(self.rows.fingerprint())


def _require_equal(sequences: int, others: int, what: str) -> None:
    if sequences != others:
        raise DataError(f"there are {sequences} sequences but {others} {what}", hint="give as many of both")


def _require_steps(lengths: Tensor, least: int) -> Tensor:
    short = (lengths < least).nonzero().flatten()
    if len(short):
        first = int(short[0])
        raise DataError(
            f"sequence {first} has {int(lengths[first])} steps, too few to have a target",
            hint="leave empty sequences out, or give them begin and end",
        )
    return lengths
