"""The temporal order task: which of two symbols came when, among many that mean nothing."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...core.errors import ArgumentError
from ...core.seeding import generator

SYMBOLS = ("a", "b", "c", "d", "X", "Y")


class TemporalOrder(NamedTuple):
    """``inputs`` int64 (rows, length), places in `SYMBOLS`; ``targets`` int64 (rows,): XX 0, XY 1, YX 2, YY 3.

    With three marks likewise, from XXX 0 to YYY 7.
    """

    inputs: Tensor
    targets: Tensor


def temporal_order(rows: int, length: int, marks: int = 2, seed: int = 0) -> TemporalOrder:
    """Sequences of a, b, c and d with ``marks`` places where X or Y stands; the class is the order of these.

    Mark i of 2 stands in [T/10, 2T/10] and [5T/10, 6T/10], of 3 in [T/10, 2T/10], [3T/10, 4T/10] and [6T/10, 7T/10].

    Args:
        rows: how many sequences.
        length: T, at least 10.
        marks: 2 (four classes) or 3 (eight).
        seed: of everything.

    Raises:
        ArgumentError: a number that cannot be.

    Source: Hochreiter and Schmidhuber (1997), experiment 6 (tasks 6a and 6b); as stated by Pascanu, Mikolov and Bengio
    (2013), section 4.1.
    """
    if rows < 0:
        raise ArgumentError(f"{rows} rows", hint="give 0 or more", path=("rows",))
    if length < 10:
        raise ArgumentError(f"a length of {length}", hint="give 10 or more", path=("length",))
    if marks not in (2, 3):
        raise ArgumentError(f"{marks} marks", hint="give 2 or 3", path=("marks",))
    source = generator(seed, "temporal order", length, marks)
    inputs = torch.randint(0, 4, (rows, length), generator=source)
    which = torch.randint(0, 2, (rows, marks), generator=source)
    for mark, tenth in enumerate((1, 5) if marks == 2 else (1, 3, 6)):
        place = torch.randint(tenth * length // 10, (tenth + 1) * length // 10, (rows, 1), generator=source)
        inputs.scatter_(1, place, 4 + which[:, mark : mark + 1])
    weights = 2 ** torch.arange(marks - 1, -1, -1)
    return TemporalOrder(inputs, (which * weights).sum(1))
