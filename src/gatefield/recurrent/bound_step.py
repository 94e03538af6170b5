"""One step of a traced cell as native code, bound once: weights packed, addresses fixed, the state in two slots."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import Node

from . import native
from .bound_program import pack, packed_size
from .graphs import aten
from .memory import empty
from .native_program import NativeProgram
from .operations import CONSTANTS
from .phases import Policy, split
from .trace import NotTraceable

ALIGNED = 16
"""Scratch memory begins at multiples of so many numbers."""


class StepProgram(NativeProgram):
    """The forward loop of a trace without what depends on the input and not on the state.

    What is left out can be computed beforehand for every input that there may be, W x + b of an LSTM, say: a step then
    begins by looking it up.

    Raises:
        NotTraceable: what is left out does not come as one row of numbers for each input.
    """

    def __init__(self, whole: NativeProgram) -> None:
        self.trace = trace = whole.trace
        views = {aten.t.default, *CONSTANTS}
        self.phases = split(trace, Policy(True, lambda node: node.target in views, lambda _: True, lambda _: False))
        for node in self.phases.hoisted:
            shape, dtype = node.meta["value"]
            if trace.has_rows(node) and (shape[0] != trace.batch or dtype != trace.x.meta["value"].dtype):
                raise NotTraceable("makes something else of its input than one row of numbers")
        self.program = self._forward_program()


class BoundStep:
    """``advance`` computes the next state of a fixed number of rows from the one before and the input.

    The state lies in two ``slots`` in turn; a step reads the one and writes the other. The input is what was copied to
    ``x``, or, where ``inputs`` are given, what ``choose`` picked among them.

    Args:
        whole: the program of the cell, as `plan_for` made it.
        emitted: the position of the state that is the output.
        parameters: those of the cell, and its buffers; they are copied.
        state: shows the shapes of the states, rows first.
        inputs: (count, features), all inputs that there may be; None: any.
    """

    def __init__(
        self,
        whole: NativeProgram,
        emitted: int,
        parameters: Sequence[Tensor],
        state: Sequence[Tensor],
        inputs: Tensor | None,
    ) -> None:
        trace = whole.trace
        self.dtype = trace.x.meta["value"].dtype
        self.batch = state[0].shape[0]
        self.slots = [
            tuple(torch.zeros_like(s, memory_format=torch.contiguous_format) for s in state) for _ in range(2)
        ]
        self._outputs = [slot[emitted] for slot in self.slots]
        self.x = torch.zeros(self.batch, *trace.x.meta["value"].shape[1:], dtype=self.dtype)
        step = whole if inputs is None else _folded(whole)
        self.program = step.program if isinstance(step, StepProgram) else step._forward_program()
        rows = self.x if inputs is None else inputs.detach()
        values: dict[Node, Any] = {**dict(zip(trace.parameters, parameters)), **trace.constants}
        values.update({trace.x: rows, trace.rows: len(rows)})
        values.update(zip(step.phases.hoisted, step.phases.before().compile()(values)))
        self._values = values
        self._look_up: list[tuple[Tensor, Tensor]] = []
        if inputs is not None:
            for key in {b.key for b in self.program.buffers if b.kind == "stream"}:
                table = values[key].reshape(len(inputs), -1).clone()
                values[key] = table  # one row is read where it lies
                if self.batch > 1:
                    values[key] = torch.empty(self.batch, table.shape[1], dtype=self.dtype)
                    self._look_up.append((table, values[key]))
        self._bind()

    def _bind(self) -> None:
        """Give every operand its address and pack the weights; the two calls differ in the slot that they read."""
        lib, program = native.library(), self.program
        assert lib is not None
        self._run = lib.run[self.dtype]
        sizes = [_rounded(self.batch * b.width) if b.kind in ("scratch", "ahead") else 0 for b in program.buffers]
        sizes += [_rounded(packed_size(weights, self.dtype)) for weights in program.weights]
        self._work = empty((max(1, sum(sizes)),), self.dtype)
        first = np.cumsum([0, *sizes[:-1]]) * self.dtype.itemsize + self._work.data_ptr()
        for weights, address in zip(program.weights, first[len(program.buffers) :]):
            pack(weights, self._values, self.dtype, int(address))
        for buffer in program.buffers:
            if buffer.kind == "fixed":
                self._values[buffer.key] = self._values[buffer.key].clone(memory_format=torch.contiguous_format)
        self.index = np.zeros(1, np.int64)
        self._active, self._frames = np.full(1, self.batch, np.int64), program.frames
        self._operands = [self._laid_out(self._places(first, now)) for now in (0, 1)]
        self._sequences = [
            native.Sequence(
                instructions=program.instructions.ctypes.data, count=len(program.instructions),
                operands=operands.ctypes.data, active=self._active.ctypes.data, offsets=self.index.ctypes.data,
                steps=1, batch=self.batch, ahead=1, tile_rows=program.tile_rows, tile_size=program.tile_size,
                threads=min(torch.get_num_threads(), max(1, self.batch // 4)), team=torch.get_num_threads(),
                steps_before=now,
                totals=self._work.data_ptr(),
                frames=self._frames.ctypes.data, frame_count=len(self._frames),
                operand_count=len(operands),
            )
            for now, operands in enumerate(self._operands)
        ]  # fmt: skip
        self._calls = [ctypes.pointer(sequence) for sequence in self._sequences]

    def _laid_out(self, places: list[int]) -> np.ndarray:
        """The table of operands, whose buffers and, after them, weights lie at the addresses ``places``."""
        program = self.program
        place = {id(buffer): address for buffer, address in zip(program.buffers, places)}
        table = np.zeros(len(program.operands) + len(program.weights), native.OPERAND)
        for entry, operand in zip(table, program.operands):
            buffer = operand.buffer
            entry["base"], entry["offset"], entry["column"] = place[id(buffer)], operand.offset, operand.column
            entry["row"] = 0 if buffer.kind == "fixed" else buffer.width
            entry["place"] = {"stream": native.PACKED, "tile": native.TILE}.get(buffer.kind, native.TIME)
            entry["step"] = buffer.tile_offset if buffer.kind == "tile" else 0
        table["base"][len(program.operands) :] = places[len(program.buffers) :]
        return table

    def _places(self, scratch: np.ndarray, now: int) -> list[int]:
        """The addresses of buffers and weights in a step that reads slot ``now``."""
        tensors = {"fixed": self._values, "stream": self._values, "state": self.slots[now], "new": self.slots[1 - now]}
        found = scratch.tolist()
        for k, buffer in enumerate(self.program.buffers):
            if buffer.kind in tensors:
                found[k] = tensors[buffer.kind][buffer.key].data_ptr()
        return found

    def choose(self, index: Any) -> None:
        """Take the input of this number for the next step; where there are several rows, those of int64 (batch,)."""
        if self.batch == 1:
            self.index[0] = index
        for table, rows in self._look_up:
            torch.index_select(table, 0, index, out=rows)

    def advance(self, now: int) -> Tensor:
        """Step from slot ``now`` to the other; the output, in memory that the step after the next writes again."""
        self._run(self._calls[now])
        return self._outputs[1 - now]


def _folded(whole: NativeProgram) -> NativeProgram:
    """The program that looks up what its input alone decides; the whole one if that cannot be."""
    try:
        return StepProgram(whole)
    except NotTraceable:
        return whole


def _rounded(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED
