"""The problems that test a memory, as a network meets them, and batches of them that are drawn as they are needed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..core.seeding import derive
from ..data.sequence_set import IGNORED, SequenceBatch
from ..data.synthetic.adding_problem import adding_problem
from ..data.synthetic.copy_memory import copy_memory
from ..data.synthetic.temporal_order import SYMBOLS, temporal_order

#: Symbols to be copied, and symbols there are in all.
COPIED, COPY_SYMBOLS = 10, 10
#: Of the symbols of temporal order those that mean nothing; they come first.
DISTRACTORS = 4
ORDERS = ("XX", "XY", "YX", "YY")


class Drawn(NamedTuple):
    """Sequences as a network meets them.

    ``inputs`` are float32 (rows, time, features); ``targets`` numbers, float32 (rows, time, 1), or classes, int64
    (rows, time), `IGNORED` at the steps where nothing is asked.
    """

    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Problem:
    """One of the problems.

    Attributes:
        features: numbers a step.
        answers: numbers an answer, or classes to choose from.
        output: the output unit that this needs.
        draw: (rows, length, seed) -> sequences.
        asked: length -> steps that have a target.
        baseline: length -> the loss of a network without a memory, as its objective counts it.
        nobody: what such a network does.
        answered: steps at the end at which something that was remembered is said.
        nothing: what stands at a step where nothing does that counts, or its mean.
    """

    features: int
    answers: int
    output: Literal["linear", "softmax"]
    draw: Callable[[int, int, int], Drawn]
    asked: Callable[[int], int]
    baseline: Callable[[int], float]
    nobody: str
    answered: int
    nothing: tuple[float, ...]


def _adding(rows: int, length: int, seed: int) -> Drawn:
    inputs, targets = adding_problem(rows, length, seed)
    return Drawn(inputs, _at_the_end(targets[:, None], length))


def _copy(rows: int, length: int, seed: int) -> Drawn:
    inputs, targets = copy_memory(rows, length, COPIED, seed)
    return Drawn(functional.one_hot(inputs, COPY_SYMBOLS).float(), targets)


def _temporal_order(rows: int, length: int, seed: int) -> Drawn:
    inputs, targets = temporal_order(rows, length, seed=seed)
    return Drawn(functional.one_hot(inputs, len(SYMBOLS)).float(), _at_the_end(targets, length))


def _at_the_end(targets: Tensor, length: int) -> Tensor:
    """``targets`` (rows, ...) at the last of ``length`` steps, (rows, length, ...)."""
    steps = targets.new_full((len(targets), length, *targets.shape[1:]), IGNORED)
    steps[:, -1] = targets
    return steps


def _guessing(blanks: int) -> float:
    """k ln 8 / (T + 2k): the blanks are certain, the symbols one of eight."""
    return COPIED * math.log(8) / (blanks + 2 * COPIED)


PROBLEMS: Mapping[str, Problem] = {
    "adding": Problem(
        2, 1, "linear", _adding, lambda length: 1, lambda length: 1 / 12, "always answering 1", 1, (0, 0)
    ),
    "copy": Problem(
        COPY_SYMBOLS,
        COPY_SYMBOLS,
        "softmax",
        _copy,
        lambda blanks: blanks + 2 * COPIED,
        _guessing,
        "guessing the symbols",
        COPIED,
        (1, *[0] * (COPY_SYMBOLS - 1)),  # a blank
    ),
    "temporal-order": Problem(
        len(SYMBOLS),
        len(ORDERS),
        "softmax",
        _temporal_order,
        lambda length: 1,
        lambda length: math.log(len(ORDERS)),
        "guessing the order",
        1,
        (*[1 / DISTRACTORS] * DISTRACTORS, *[0] * (len(SYMBOLS) - DISTRACTORS)),
    ),
}


class DrawnBatches:
    """Batches of a problem's sequences, which are drawn when their turn comes: pure functions of (seed, epoch, step).

    Args:
        problem: its name.
        length: of the sequences.
        rows: sequences an epoch.
        batch_size: sequences a batch, over all processes.
        seed: of the sequences.
        fresh: every epoch has sequences of its own; otherwise all have the same.
        rank, world: this process and how many there are; see `LengthBuckets`.
    """

    carries = False

    def __init__(
        self,
        problem: str,
        length: int,
        rows: int,
        batch_size: int | Literal["all"],
        *,
        seed: int,
        fresh: bool,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.name, self.problem, self.length, self.rows = problem, PROBLEMS[problem], length, rows
        self.batch_size = max(rows, 1) if isinstance(batch_size, str) else batch_size
        self.seed, self.fresh, self.rank, self.world = seed, fresh, rank, world
        self.unit = "sample" if self.problem.asked(length) == 1 else "step"

    def _counts(self) -> list[int]:
        return [min(self.batch_size, self.rows - first) for first in range(0, self.rows, self.batch_size)]

    def sizes(self, epoch: int) -> list[int]:
        """How many targets count in each whole batch."""
        return [count * self.problem.asked(self.length) for count in self._counts()]

    def epoch(self, epoch: int, start: int = 0) -> Iterator[SequenceBatch]:
        """This process's part of each batch of an epoch, from batch ``start`` on."""
        for step, count in enumerate(self._counts()[start:], start):
            drawn = self.problem.draw(count, self.length, derive(self.seed, epoch if self.fresh else 0, step))
            first, last = (place * count // self.world for place in (self.rank, self.rank + 1))
            mine = slice(first, last) if last > first else slice(0, 1)
            indices = step * self.batch_size + torch.arange(count)[mine]
            size, share = count * self.problem.asked(self.length), (last - first) / count
            yield SequenceBatch((drawn.inputs[mine],), drawn.targets[mine], indices, size, share)

    def fingerprint(self) -> int:
        """A checksum that changes when the problem changes."""
        return zlib.crc32(f"{self.name} {self.length} {self.rows}".encode())
