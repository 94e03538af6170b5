"""The copy memory task: ten symbols, a long silence, and the ten symbols again."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...core.errors import ArgumentError
from ...core.seeding import generator

BLANK, GO = 0, 9


class CopyMemory(NamedTuple):
    """``inputs`` and ``targets``, int64 (rows, blanks + 2 * symbols) each; symbols are 0 to 9."""

    inputs: Tensor
    targets: Tensor


def copy_memory(rows: int, blanks: int, symbols: int = 10, seed: int = 0) -> CopyMemory:
    """Symbols from 1 to 8, then blanks (0), then as many 9s as there were symbols, while which these are to be said.

        inputs    s_1 ... s_k  0 ... 0  9 ... 9
        targets   0 ... 0      0 ... 0  s_1 ... s_k

    The first 9 says that the time has come: there are blanks - 1 steps of 0 before it and symbols + 1 of 9, as in the
    source. Without a memory, guessing the symbols costs symbols ln 8 / (blanks + 2 symbols) a step.

    Args:
        rows: how many sequences.
        blanks: T, at least 1.
        symbols: k.
        seed: of the symbols.

    Raises:
        ArgumentError: a number below its least.

    Source: Arjovsky, Shah and Bengio (2016), section 5.1; Bai, Kolter and Koltun (2018), section 4.
    """
    for name, value, least in (("rows", rows, 0), ("blanks", blanks, 1), ("symbols", symbols, 1)):
        if value < least:
            raise ArgumentError(f"{name} is {value}", hint=f"give at least {least}", path=(name,))
    drawn = torch.randint(1, 9, (rows, symbols), generator=generator(seed, "copy memory", blanks))
    inputs = torch.full((rows, blanks + 2 * symbols), BLANK)
    inputs[:, :symbols] = drawn
    inputs[:, symbols + blanks - 1 :] = GO
    targets = torch.zeros_like(inputs)
    targets[:, -symbols:] = drawn
    return CopyMemory(inputs, targets)
