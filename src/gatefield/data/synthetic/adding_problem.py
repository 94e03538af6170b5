"""The adding problem: two numbers far apart, to be found, kept and added."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...core.errors import ArgumentError
from ...core.seeding import generator


class AddingProblem(NamedTuple):
    """``inputs`` float32 (rows, length, 2): a number and a mark; ``targets`` float32 (rows,): the sum of the marked."""

    inputs: Tensor
    targets: Tensor


def adding_problem(rows: int, length: int, seed: int = 0) -> AddingProblem:
    """Sequences of numbers from U(0, 1), two of which are marked, one in each half; the target is their sum.

    Always answering 1 has a mean squared error of 1/6.

    Args:
        rows: how many sequences.
        length: steps of each, at least 2.
        seed: of everything.

    Raises:
        ArgumentError: negative rows, or a length below 2.

    Source: Hochreiter and Schmidhuber (1997), experiment 4; as stated by Le, Jaitly and Hinton (2015), section 4.1, and
    Bai, Kolter and Koltun (2018), section 4.
    """
    if rows < 0:
        raise ArgumentError(f"{rows} rows", hint="give 0 or more", path=("rows",))
    if length < 2:
        raise ArgumentError(f"a length of {length}", hint="give 2 or more: two numbers are added", path=("length",))
    source = generator(seed, "adding problem", length)
    numbers = torch.rand(rows, length, generator=source)
    half = length // 2
    first = torch.randint(0, half, (rows, 1), generator=source)
    second = torch.randint(half, length, (rows, 1), generator=source)
    marks = torch.zeros(rows, length).scatter_(1, first, 1.0).scatter_(1, second, 1.0)
    return AddingProblem(torch.stack([numbers, marks], 2), (numbers * marks).sum(1))
