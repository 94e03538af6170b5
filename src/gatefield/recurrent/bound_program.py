"""A native program bound to the tensors of a call: addresses, strides, scratch memory, packed weights, threads."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.fx import Node

from . import native
from .memory import empty
from .program import Buffer, Program
from .rows import Rows

STEPS_AHEAD = 8
"""Steps for which a product with the input is made at once, so that few rows are enough to use its weights well."""

BASE = native.OPERAND.fields["base"][1] // 8  # type: ignore[index]
"""Which word of an operand is its address."""

PLACEMENT = {
    "fixed": (0, 0, native.TIME, 0, 0),
    "state": (1, 1, native.TIME, 0, 0),
    "new": (1, 1, native.TIME, 1, 0),
    "carry": (1, 1, native.MODULO, 0, 2),
    "new carry": (1, 1, native.MODULO, 1, 2),
    "d_states": (0, 0, native.TIME, 0, 0),
    "stream": (0, 1, native.PACKED, 0, 0),
    "scratch": (0, 1, native.TIME, 0, 0),
    "ahead": (1, 1, native.MODULO, 0, STEPS_AHEAD),
    "tile": (0, 1, native.TILE, 0, 0),
}
"""Kind of buffer -> whether it has steps and rows of its own, and how the time finds its place in it."""


class Layout(NamedTuple):
    """Where a program's operands lie in the buffers of a run; all runs of one shape share it.

    Attributes:
        operands: the table that the library reads, without addresses; as plain words, which are faster to copy.
        begins: bytes from the start of the scratch memory to each buffer in it, and then to each packed matrix.
        size: of the scratch memory, in numbers.
    """

    operands: np.ndarray
    begins: list[int]
    size: int


class Bound:
    """A program, and what rows that rest do meanwhile, ready to be run on tensors."""

    def __init__(self, program: Program, resting: Program, dtype: torch.dtype) -> None:
        self.program, self.dtype = program, dtype
        lib = native.library()
        assert lib is not None
        self._run, self._pack, self._packed_size = lib.run[dtype], lib.pack[dtype], lib.packed_size[dtype]
        # one table of operands: the program's, its weights, and those of the rows that rest
        self.buffers: list[Buffer] = [*program.buffers, *resting.buffers]
        self._resting = resting.instructions.copy()
        for name in "dabc":
            used = self._resting[name] >= 0
            self._resting[name][used] += len(program.operands) + len(program.matrices)
        number = {id(buffer): k for k, buffer in enumerate(self.buffers)}
        weights = [(len(self.buffers) + k, 0, 1) for k in range(len(program.matrices))]
        first, rest = ([(number[id(o.buffer)], o.offset, o.column) for o in p.operands] for p in (program, resting))
        columns = np.array([*first, *weights, *rest], np.int64)
        self._buffer_of, self._offset, self._column = columns.T.copy()
        self._outside = [(k, b) for k, b in enumerate(self.buffers) if b.kind not in ("scratch", "ahead", "tile")]
        self._code = (
            program.instructions.ctypes.data, len(program.instructions), self._resting.ctypes.data, len(self._resting)
        )  # fmt: skip
        self._layout = functools.lru_cache(32)(self._lay_out)

    def _lay_out(self, batch: int, steps: int, strides: tuple[tuple[int, ...], ...]) -> Layout:
        """The layout for a batch; ``strides`` are those of the gradients from outside, one after the other."""
        table = np.zeros(len(self.buffers), native.OPERAND)
        begins = [0] * (len(self.buffers) + len(self.program.matrices))
        size = 0
        for k, (entry, buffer) in enumerate(zip(table, self.buffers)):
            n = buffer.width
            steps_of_its_own, rows, place, shift, period = PLACEMENT[buffer.kind]
            entry["step"] = buffer.tile_offset if buffer.kind == "tile" else steps_of_its_own * batch * n
            entry["row"], entry["place"], entry["shift"], entry["period"] = rows * n, place, shift, period
            if buffer.kind in ("scratch", "ahead"):
                begins[k] = size
                size += batch * n * (min(STEPS_AHEAD, steps) if buffer.kind == "ahead" else 1)
        size = (size + 15) // 16 * 16
        for k, matrix in enumerate(self.program.matrices, len(self.buffers)):
            begins[k] = size
            size += self._packed_size(matrix.depth, matrix.columns)
        operands = np.concatenate([table, np.zeros(len(self.program.matrices), native.OPERAND)])[self._buffer_of]
        operands["offset"], operands["column"] = self._offset, self._column
        given = [k for k, buffer in self._outside if buffer.kind == "d_states"]
        for k, (step, row, *column) in zip(given, strides):
            mine = self._buffer_of == k
            operands["step"][mine], operands["row"][mine] = step, row
            operands["column"][mine] = column[0] if self.buffers[k].width > 1 else 1
        words = operands.view(np.int64).reshape(len(operands), -1)
        return Layout(words, [begin * self.dtype.itemsize for begin in begins], size)

    def run(
        self,
        rows: Rows,
        values: Mapping[Node, Tensor],
        states: Sequence[Tensor],
        carry: Sequence[Tensor] = (),
        d_states: Sequence[Tensor | None] = (),
    ) -> Tensor:
        """Run over all steps; the sums over all rows and steps that the program was asked for."""
        program = self.program
        outside = [_tensor(buffer, values, states, carry, d_states) for _, buffer in self._outside]
        strides = tuple([t.stride() for t, (_, b) in zip(outside, self._outside) if b.kind == "d_states"])
        layout = self._layout(rows.batch, min(STEPS_AHEAD, rows.steps), strides)
        work = empty((layout.size,), self.dtype)
        start = work.data_ptr()
        addresses = [start + begin for begin in layout.begins]
        for (k, _), tensor in zip(self._outside, outside):
            addresses[k] = tensor.data_ptr()
        for matrix, address in zip(program.matrices, addresses[len(self.buffers) :]):
            weights = values[matrix.key]
            row, column = weights.stride()[::-1] if matrix.transposed else weights.stride()
            self._pack(weights.data_ptr(), matrix.depth, matrix.columns, row, column, address)
        threads = min(torch.get_num_threads(), max(1, rows.batch // 4))
        totals = torch.zeros(threads, max(1, program.total_size), dtype=self.dtype)
        active, offsets = rows.arrays
        table = layout.operands.copy()
        table[:, BASE] = np.array(addresses, np.int64)[self._buffer_of]
        self._run(
            native.Sequence(
                *self._code, table.ctypes.data, active.ctypes.data, offsets.ctypes.data,
                rows.steps, rows.batch, bool(carry), STEPS_AHEAD, program.tile_rows, program.tile_size, threads,
                totals.data_ptr(), totals.shape[1],
            )
        )  # fmt: skip
        return totals.sum(0) if threads > 1 and program.total_size else totals[0]


def _tensor(
    buffer: Buffer,
    values: Mapping[Node, Tensor],
    states: Sequence[Tensor],
    carry: Sequence[Tensor],
    d_states: Sequence[Tensor | None],
) -> Tensor:
    """The tensor that a place means in this call."""
    if buffer.kind in ("fixed", "stream"):
        return values[buffer.key].contiguous()
    if buffer.kind in ("state", "new"):
        return states[buffer.key]
    if buffer.kind in ("carry", "new carry"):
        return carry[buffer.key]
    d = d_states[buffer.key]
    assert d is not None
    return d if d.dim() == 3 and d.stride(2) in (0, 1) else d.contiguous()
