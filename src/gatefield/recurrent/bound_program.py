"""A native program bound to the tensors of a call: addresses, strides, scratch memory, packed weights, threads."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.fx import Node

from . import native
from .memory import empty
from .program import Buffer, Kind, Program
from .rows import Rows
from .values import Kernel, Matrix

STEPS_AHEAD = 8
"""Steps for which a product with the input is made at once, so that few rows are enough to use its weights well."""

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
IN_TURN = {"state": (1, 1, native.MODULO, 0, 2), "new": (1, 1, native.MODULO, 1, 2)}
"""The same for states of which only the latest is kept, in two places in turn."""


class Layout(NamedTuple):
    """Where a program's operands lie in the buffers of a run; all runs of one shape share it.

    Attributes:
        sequence: what the library needs, without what differs from run to run.
        begins: bytes from the start of the scratch memory to each buffer in it, and then to each packed matrix.
        size: of the scratch memory, in numbers.
        latest: for each state of which only the latest value is kept, bytes from there to its two places.
        kept: the arrays that ``sequence`` points to.
    """

    sequence: native.Sequence
    begins: list[int]
    size: int
    latest: dict[int, int]
    kept: tuple[np.ndarray, ...]


Strides = tuple[tuple[int, ...], ...]


class Bound:
    """A program, and what rows that rest do meanwhile, ready to be run on tensors.

    Args:
        program, resting: what moving and resting rows do in a step.
        dtype: of all numbers.
        passing: the positions of the states of which only the latest value is kept, in scratch memory.
    """

    def __init__(
        self, program: Program, resting: Program, dtype: torch.dtype, passing: frozenset[int] = frozenset()
    ) -> None:
        self.program, self.dtype, self._passing = program, dtype, passing
        self._frames = program.frames
        self._rows_a_thread = 1 if len(self._frames) else 4
        # one table of operands: the program's, its weights, and those of the rows that rest
        self.buffers: list[Buffer] = [*program.buffers, *resting.buffers]
        self._resting = resting.instructions.copy()
        for name in "dabc":
            used = self._resting[name] >= 0
            self._resting[name][used] += len(program.operands) + len(program.weights)
        number = {id(buffer): k for k, buffer in enumerate(self.buffers)}
        weights = [(len(self.buffers) + k, 0, 1) for k in range(len(program.weights))]
        first, rest = ([(number[id(o.buffer)], o.offset, o.column) for o in p.operands] for p in (program, resting))
        columns = np.array([*first, *weights, *rest], np.int64)
        self._buffer_of, self._offset, self._column = columns.T.copy()
        self._outside: list[tuple[int, Kind, Any]] = [
            (k, b.kind, b.key)
            for k, b in enumerate(self.buffers)
            if b.kind not in ("scratch", "ahead", "tile") and not self._passes(b)
        ]
        lib = native.library()
        assert lib is not None
        self._run = lib.run[dtype]
        self._layouts: dict[Any, Layout] = {}
        self._addresses = ctypes.c_int64 * (len(self.buffers) + 2 * len(program.weights))

    def _passes(self, buffer: Buffer) -> bool:
        return buffer.kind in IN_TURN and buffer.key in self._passing

    def _lay_out(self, batch: int, ahead: int, views: Strides, strides: Strides) -> Layout:
        """The layout for a batch; ``strides`` are those of the weights.

        Args:
            views: of each tensor that has strides of its own, the buffer's number, then its strides: from one step, row
                and number to the next.
        """
        program = self.program
        table = np.zeros(len(self.buffers), native.OPERAND)
        begins = [0] * (len(self.buffers) + len(program.weights))
        size = 0
        latest: dict[int, int] = {}
        for k, (entry, buffer) in enumerate(zip(table, self.buffers)):
            n = buffer.width
            steps_of_its_own, rows, place, shift, period = (IN_TURN if self._passes(buffer) else PLACEMENT)[buffer.kind]
            entry["step"] = buffer.tile_offset if buffer.kind == "tile" else steps_of_its_own * batch * n
            entry["row"], entry["place"], entry["shift"], entry["period"] = rows * n, place, shift, period
            if buffer.kind in ("scratch", "ahead"):
                begins[k] = size
                size += batch * n * (ahead if buffer.kind == "ahead" else 1)
            elif self._passes(buffer):
                if buffer.key not in latest:
                    latest[buffer.key], size = size, size + 2 * batch * n
                begins[k] = latest[buffer.key]
        size = (size + 15) // 16 * 16
        weights = np.zeros(len(program.weights), native.WEIGHTS)
        for k, (matrix, stride) in enumerate(zip(program.weights, strides)):
            begins[len(self.buffers) + k] = size
            size += packed_size(matrix, self.dtype)
            weights[k] = described(matrix, stride)
        operands = np.concatenate([table, np.zeros(len(program.weights), native.OPERAND)])[self._buffer_of]
        operands["base"], operands["offset"], operands["column"] = self._buffer_of, self._offset, self._column
        for k, step, row, column in views:
            mine = self._buffer_of == k
            operands["step"][mine], operands["row"][mine], operands["place"][mine] = step, row, native.TIME
            operands["column"][mine] = column if self.buffers[k].width > 1 else 1
        sequence = native.Sequence(
            instructions=program.instructions.ctypes.data, count=len(program.instructions),
            resting=self._resting.ctypes.data, resting_count=len(self._resting),
            operands=operands.ctypes.data, operand_count=len(operands), batch=batch, ahead=STEPS_AHEAD,
            tile_rows=program.tile_rows, tile_size=program.tile_size, total_size=max(1, program.total_size),
            weights=weights.ctypes.data, weight_count=len(weights), buffer_count=len(self.buffers),
            frames=self._frames.ctypes.data, frame_count=len(self._frames),
        )  # fmt: skip
        width = self.dtype.itemsize
        slots = {k: begin * width for k, begin in latest.items()}
        return Layout(sequence, [begin * width for begin in begins], size, slots, (operands, weights))

    def run(
        self,
        rows: Rows,
        values: Mapping[Node, Tensor],
        states: Sequence[Tensor],
        carry: Sequence[Tensor] = (),
        d_states: Sequence[Tensor | None] = (),
        first: Sequence[Tensor] = (),
        last: Sequence[Tensor] = (),
    ) -> Tensor | None:
        """Run over all steps; the sums over all rows and steps that the program was asked for, if there are any.

        Of the states of which only the latest value is kept, ``first`` are the values at the start; those at the end
        are written to ``last``.
        """
        program, steps, batch = self.program, rows.steps, rows.batch
        outside = [_tensor(kind, key, values, states, carry, d_states) for _, kind, key in self._outside]
        weights = [matrix.tensor(values) for matrix in program.weights]
        key = (
            batch,
            min(STEPS_AHEAD, steps),
            tuple([(k, *t.stride()) for t, (k, kind, _) in zip(outside, self._outside) if _is_view(t, kind)]),
            tuple([t.stride() for t in weights]),
        )
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) >= LAYOUTS:
                self._layouts.clear()
            layout = self._layouts[key] = self._lay_out(*key)
        work = empty((layout.size,), self.dtype)
        start = work.data_ptr()
        places = [start + begin for begin in layout.begins]
        for (k, _, _), tensor in zip(self._outside, outside):
            places[k] = tensor.data_ptr()
        addresses = self._addresses(*places, *[t.data_ptr() for t in weights])
        sequence = native.Sequence.from_buffer_copy(layout.sequence)
        sequence.addresses = ctypes.addressof(addresses)
        counts = rows.counts()
        sequence.active, sequence.offsets = counts.addresses
        sequence.steps, sequence.reverse = steps, bool(carry)
        threads = sequence.threads = min(torch.get_num_threads(), max(1, batch // self._rows_a_thread))
        sequence.team = torch.get_num_threads()
        totals = None
        if program.total_size:
            totals = torch.zeros(threads, program.total_size, dtype=self.dtype)
            sequence.totals = totals.data_ptr()
        for k, begin in layout.latest.items():
            ctypes.memmove(start + begin, first[k].data_ptr(), first[k].nbytes)
        self._run(sequence)
        for k, begin in layout.latest.items():
            size = last[k].nbytes
            ctypes.memmove(last[k].data_ptr(), start + begin + steps % 2 * size, size)
        if totals is None:
            return None
        return totals.sum(0) if threads > 1 else totals[0]


LAYOUTS = 32
"""Layouts that are kept for a program."""


def _tensor(
    kind: Kind,
    key: Any,
    values: Mapping[Node, Tensor],
    states: Sequence[Tensor],
    carry: Sequence[Tensor],
    d_states: Sequence[Tensor | None],
) -> Tensor:
    """The tensor that a place means in this call."""
    if kind == "stream":
        return _in_rows(values[key])
    if kind == "fixed":
        return values[key].contiguous()
    if kind == "state" or kind == "new":
        return states[key]
    if kind == "carry" or kind == "new carry":
        return carry[key]
    d = d_states[key]
    assert d is not None
    d = d.flatten(2)
    return d if d.stride(2) in (0, 1) else d.contiguous()


def _in_rows(values: Tensor) -> Tensor:
    """``values`` (total, ...), or as (steps, batch, numbers) where they lie otherwise, in rows without gaps."""
    if values.is_contiguous():
        return values
    flat = values.flatten(2)
    return flat if flat.stride(2) == 1 else values.contiguous()


def _is_view(tensor: Tensor, kind: Kind) -> bool:
    """Whether strides say where the numbers of a step and row lie."""
    return kind == "d_states" or (kind == "stream" and not tensor.is_contiguous())


def packed_size(weights: Matrix | Kernel, dtype: torch.dtype) -> int:
    """How many numbers ``weights`` take once they are packed."""
    lib = native.library()
    assert lib is not None
    if isinstance(weights, Kernel):
        return lib.packed_kernel_size[dtype](weights.outputs, weights.depth)
    return lib.packed_size[native.ROUNDED if weights.rounded else dtype](weights.depth, weights.columns)


def described(weights: Matrix | Kernel, stride: tuple[int, ...]) -> tuple[int, ...]:
    """An entry of `native.WEIGHTS`, where the tensor of ``weights`` has this stride."""
    if isinstance(weights, Kernel):
        return weights.depth, weights.outputs, 1, stride[0], native.KERNEL
    row, column = stride[::-1] if weights.transposed else stride
    return weights.depth, weights.columns, row, column, native.ROUNDED_MATRIX if weights.rounded else native.MATRIX


def pack(weights: Matrix | Kernel, values: Mapping[Any, Tensor], dtype: torch.dtype, address: int) -> None:
    """Write ``weights`` to ``address`` in the order in which the library reads them."""
    lib = native.library()
    assert lib is not None
    tensor = weights.tensor(values)
    if isinstance(weights, Kernel):
        lib.pack_kernel[dtype](tensor.data_ptr(), weights.outputs, weights.depth, address)
        return
    row, column = tensor.stride()[::-1] if weights.transposed else tensor.stride()
    kind = native.ROUNDED if weights.rounded else dtype
    lib.pack[kind](tensor.data_ptr(), weights.depth, weights.columns, row, column, address)
