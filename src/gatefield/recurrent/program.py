"""A native program: instructions in order, and where each operand lies.

Products part the instructions of a step into segments. What is made and read in one segment lives in a tile of a few
rows that stays in the first-level cache; what crosses a segment has memory for all rows of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from .native import FRAME, INSTRUCTION, operations
from .values import Kernel, Matrix, Value, base, offset, reached

Kind = Literal["fixed", "stream", "state", "new", "carry", "new carry", "d_states", "scratch", "ahead", "tile"]


@dataclass(frozen=True)
class Place:
    """Memory that is there before a step.

    fixed       one row for all rows of the batch
    stream      a row for every moving row of every step, packed: input, what is saved, what is kept
    state, new  the states before and after the step
    carry, new carry    the gradient of the state after the step, and of that before it
    d_states    the gradient that reaches the states from outside
    """

    kind: Kind
    key: Any


@dataclass(eq=False)
class Buffer:
    """Memory that instructions write: a `Place`, or scratch memory."""

    kind: Kind
    width: int
    key: Any = None
    tile_offset: int = 0


@dataclass(frozen=True)
class Operand:
    buffer: Buffer
    offset: int
    column: int


@dataclass
class Program:
    """Instructions as the library reads them, and the operands and weights that their indices mean."""

    instructions: np.ndarray
    operands: list[Operand]
    weights: list[Matrix | Kernel]
    buffers: list[Buffer]
    tile_size: int
    tile_rows: int
    totals: dict[Any, slice] = field(default_factory=dict)
    total_size: int = 0

    @property
    def frames(self) -> np.ndarray:
        """The frames of the convolutions, as the library reads them; in the order of their kernels."""
        kernels = [w for w in self.weights if isinstance(w, Kernel)]
        rows = [(k.inputs, k.outputs, k.bias is not None, k.size, k.lengths, k.dilation) for k in kernels]
        return np.array(rows, FRAME)


@dataclass
class Goal:
    """What a program must make: ``value``, written to ``place``; a SUM has no place."""

    value: Value
    place: Place | None


def assemble(goals: list[Goal], looks_ahead: bool) -> Program:
    """The program that makes all ``goals``; ``looks_ahead``: products with the input are made some steps at a time."""
    return _Assembly(goals, looks_ahead).program()


class _Assembly:
    """Levels, places, and the encoding of one program."""

    def __init__(self, goals: list[Goal], looks_ahead: bool) -> None:
        self.looks_ahead = looks_ahead
        self.spots: dict[int, tuple[Buffer, int]] = {}  # id of a value -> where it lies
        self.places: dict[Place, Buffer] = {}
        roots = [self._root(goal) for goal in goals]
        self.values = reached(roots)
        self._forward_parts()
        self.values = reached(roots)
        self.level = self._levels()
        made = [v for v in self.values if v.is_instruction]
        self.order = sorted(made, key=lambda v: self.level[id(v)])
        self._find_spots()
        self._choose_memory()

    # ------------------------------------------------------------------------------------------------ places

    def _place(self, place: Place, width: int) -> Buffer:
        return self.places.setdefault(place, Buffer(place.kind, width, place.key))

    def _root(self, goal: Goal) -> Value:
        """The value that is written to the goal's place: itself, or a copy if it lies elsewhere already."""
        value = goal.value
        if goal.place is None:
            return value
        if value.op in ("INPUT", "SLICE", "FILL") or id(value) in self.spots:
            value = Value("COPY", (value,), value.width)
        self.spots[id(value)] = (self._place(goal.place, value.width), 0)
        return value

    def _forward_parts(self) -> None:
        """The parts of a CAT are made where they belong; those that lie elsewhere are copied."""
        for value in reversed(self.values):
            if value.op != "CAT":
                continue
            buffer, start = self.spots.setdefault(id(value), (Buffer("tile", value.width), 0))
            parts = []
            for part in value.args:
                if part.op in ("INPUT", "SLICE") or id(part) in self.spots or self._is_ahead(part):
                    part = Value("COPY", (part,), part.width)
                self.spots[id(part)] = (buffer, start)
                start += part.width
                parts.append(part)
            value.args = tuple(parts)

    def _levels(self) -> dict[int, int]:
        """Even levels are element-wise segments, odd ones the products between them."""
        level: dict[int, int] = {}
        for value in self.values:
            below = max((level[id(arg)] for arg in value.args), default=0)
            if value.op == "PRODUCT":
                if self._is_ahead(value):
                    value.op = "PRODUCT_AHEAD"
                else:
                    below += below % 2 == 0
            elif value.is_instruction:
                below += below % 2
            level[id(value)] = below
        return level

    def _is_ahead(self, value: Value) -> bool:
        """Whether a product reads nothing that is made in the loop."""
        inputs = all(arg.op == "INPUT" and arg.key.kind in ("stream", "fixed") for arg in value.args)
        return self.looks_ahead and value.op == "PRODUCT" and inputs

    def _find_spots(self) -> None:
        """A spot for every value: its place, a part of another's, or memory of its own."""
        readers: dict[int, int] = {}
        for value in self.values:
            for arg in value.args:
                readers[id(arg)] = readers.get(id(arg), 0) + 1
        for value in self.values:
            if id(value) in self.spots:
                continue
            if value.op == "INPUT":
                self.spots[id(value)] = (self._place(value.key, value.width), 0)
            elif value.op == "SLICE":
                buffer, start = self.spots[id(base(value))]
                self.spots[id(value)] = (buffer, start + offset(value))
            elif value.op == "PRODUCT_AHEAD":
                self.spots[id(value)] = (Buffer("ahead", value.width), 0)
            elif value.op == "PRODUCT" and self._may_overwrite(value, readers):
                self.spots[id(value)] = self.spots[id(value.args[1])]
            else:
                self.spots[id(value)] = (Buffer("tile", value.width), 0)

    def _may_overwrite(self, product: Value, readers: dict[int, int]) -> bool:
        """Whether a product can be summed onto the one that it starts from."""
        start = product.args[1] if len(product.args) > 1 else None
        return start is not None and self.spots[id(start)][0].kind == "ahead" and readers[id(start)] == 1

    def _choose_memory(self) -> None:
        """Scratch memory for what crosses a segment or meets a product, tiles for the rest."""
        spans: dict[int, list[int]] = {}
        buffers: dict[int, Buffer] = {}
        for k, value in enumerate(self.order):
            for v in (value, *value.args):
                buffer = self.spots[id(v)][0]
                buffers[id(buffer)] = buffer
                span = spans.setdefault(id(buffer), [k, k, self.level[id(value)], self.level[id(value)]])
                span[1] = k
                span[3] = self.level[id(value)]
                if buffer.kind == "tile" and (value.op.startswith("PRODUCT") or span[2] != span[3]):
                    buffer.kind = "scratch"
        self.tile_size = _allocate([(buffers[key], span[0], span[1]) for key, span in spans.items()])
        self.buffers = list(buffers.values())

    # ---------------------------------------------------------------------------------------------- encoding

    def program(self) -> Program:
        codes = operations()
        operands: dict[Operand, int] = {}
        weights: dict[Matrix | Kernel, int] = {}
        totals: dict[Any, slice] = {}
        total_size = 0
        table = np.zeros(len(self.order), INSTRUCTION)
        for row, value in zip(table, self.order):
            n = value.width
            op = f"ROUNDED_{value.op}" if isinstance(value.key, Matrix) and value.key.rounded else value.op
            row["op"], row["n"], row["number"] = codes[op], n, value.number
            reads = [-1, -1, -1]
            if value.op in WEIGHTED:
                assert value.key is not None
                reads[1] = weights.setdefault(value.key, len(weights))
                if isinstance(value.key, Kernel):
                    row["number"] = [w for w in weights if isinstance(w, Kernel)].index(value.key)
                reads[0] = self._operand(operands, value.args[0], value.args[0].width)
                if len(value.args) > 1:
                    reads[2] = self._operand(operands, value.args[1], n)
            else:
                if value.op.startswith("ROW"):
                    n = value.args[0].width
                    row["n"] = n
                reads[: len(value.args)] = [self._operand(operands, arg, n) for arg in value.args]
            row["a"], row["b"], row["c"] = reads
            if value.op.startswith("SUM"):
                totals[value.key] = slice(total_size, total_size + n)
                row["d"], row["number"] = -1, total_size
                total_size += (n + 15) // 16 * 16
            else:
                row["d"] = self._operand(operands, value, value.width)
        products = np.array([value.op.startswith("PRODUCT") for value in self.order], bool)
        table["b"][np.isin([value.op for value in self.order], list(WEIGHTED))] += len(operands)
        widest = max((int(n) for n in table["n"][~products]), default=1)
        tile_rows = max(1, min(64, TILE // widest))
        return Program(
            table, list(operands), list(weights), self.buffers, self.tile_size, tile_rows, totals, total_size
        )

    def _operand(self, operands: dict[Operand, int], value: Value, width: int) -> int:
        buffer, start = self.spots[id(value)]
        operand = Operand(buffer, start, 0 if value.width == 1 and width > 1 else 1)
        return operands.setdefault(operand, len(operands))


WEIGHTED = ("PRODUCT", "PRODUCT_AHEAD", "CONVOLUTION")
"""Instructions whose second operand is packed weights."""

TILE = 2048
"""Numbers of the widest value of a segment that a tile holds."""


def _allocate(spans: list[tuple[Buffer, int, int]]) -> int:
    """Offsets in the tile for buffers that live from one instruction to another; how long the tile must be."""
    free: list[tuple[int, int]] = []  # (width, offset)
    ending: list[tuple[int, int, int]] = []  # (last instruction, width, offset)
    size = 0
    for buffer, first, last in sorted((s for s in spans if s[0].kind == "tile"), key=lambda s: s[1]):
        for item in [e for e in ending if e[0] < first]:
            ending.remove(item)
            free.append(item[1:])
        width = (buffer.width + 15) // 16 * 16
        slot = next((f for f in free if f[0] == width), None)
        if slot is not None:
            free.remove(slot)
            buffer.tile_offset = slot[1]
        else:
            buffer.tile_offset, size = size, size + width
        ending.append((last, width, buffer.tile_offset))
    return size
