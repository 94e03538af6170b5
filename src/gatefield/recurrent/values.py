"""The values of a native program: what its instructions make, and where tensors lie. One static assignment each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(eq=False, slots=True)
class Value:
    """A row of ``width`` numbers for every row of the batch, made by ``op`` from ``args``.

    ops that are no instructions:
        INPUT   memory that is there before the step; ``key`` says which
        SLICE   part of a value from ``number`` on
        CAT     values side by side
    """

    op: str
    args: tuple[Value, ...] = ()
    width: int = 1
    number: float = 0.0
    key: Any = None

    @property
    def is_instruction(self) -> bool:
        return self.op not in ("INPUT", "SLICE", "CAT")


@dataclass(frozen=True, slots=True)
class Matrix:
    """Weights of a product: the matrix that some tensor holds, perhaps transposed; ``rounded``: to bfloat16."""

    key: Any
    transposed: bool
    depth: int
    columns: int
    rounded: bool = False

    def tensor(self, values: Mapping[Any, Tensor]) -> Tensor:
        """What is packed."""
        return values[self.key]


@dataclass(frozen=True, slots=True)
class Kernel:
    """Weights of a convolution that keeps the size of a frame.

    Attributes:
        key: the tensor that holds them.
        bias: the one that holds the bias of every channel, or None.
        backward: convolve as the gradient does, from the outputs of ``key`` to its inputs.
        inputs, outputs: channels.
        size, lengths, dilation: of the frame and the kernel, three numbers each.
    """

    key: Any
    bias: Any
    backward: bool
    inputs: int
    outputs: int
    size: tuple[int, ...]
    lengths: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def depth(self) -> int:
        """Weights of one output channel."""
        return self.inputs * math.prod(self.lengths) + (self.bias is not None)

    def tensor(self, values: Mapping[Any, Tensor]) -> Tensor:
        """What is packed: (outputs, depth), contiguous."""
        weights = values[self.key]
        if self.backward:
            weights = weights.transpose(0, 1).flip(tuple(range(2, weights.dim())))
        weights = weights.flatten(1)
        return weights.contiguous() if self.bias is None else torch.cat([weights, values[self.bias].unsqueeze(1)], 1)


def base(value: Value) -> Value:
    """The value that a slice, or a slice of a slice, is a part of."""
    while value.op == "SLICE":
        value = value.args[0]
    return value


def offset(value: Value) -> int:
    """Where ``value`` begins in its `base`."""
    start = 0
    while value.op == "SLICE":
        start += int(value.number)
        value = value.args[0]
    return start


def reached(roots: list[Value]) -> list[Value]:
    """``roots`` and everything below them, what is read before what reads it."""
    order: list[Value] = []
    seen: set[int] = set()
    pending = [(root, False) for root in reversed(roots)]
    while pending:
        value, ready = pending.pop()
        if ready:
            order.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            pending.append((value, True))
            pending += [(arg, False) for arg in reversed(value.args) if id(arg) not in seen]
    return order
