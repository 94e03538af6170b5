"""From the graph of a phase to the values of a native program: rows of numbers, one row for each row of the batch."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.fx import Node

from .graphs import Value as Traced
from .graphs import aten
from .native import rounded_matmul
from .operations import (
    BINARY,
    CONSTANTS,
    CONVOLUTIONS,
    LOGICAL_NOT,
    LOWERED,
    MATRIX_PRODUCTS,
    PLACING,
    RESHAPING,
    ROW_WISE,
    SLICES,
    UNARY,
    WITH_NUMBER,
)  # fmt: skip
from .trace import NotTraceable, Trace
from .values import Kernel, Matrix, Value


def check_lowerable(trace: Trace, node: Node) -> None:
    """Raise unless a native program can compute ``node`` row by row.

    Raises:
        NotTraceable: naming the operation.
    """
    name = str(node.target).removesuffix(".default")
    if node.target not in LOWERED:
        raise NotTraceable(f"uses {name}, which the native kernel does not have")
    if node.target is aten.convolution_backward.default and node.args[-1] != [True, False, False]:
        raise NotTraceable(f"uses {name} for weights, which sums over the rows of the batch")
    value = node.meta["value"]
    if isinstance(value, Traced) and node.target not in CONSTANTS and not trace.has_rows(node):
        raise NotTraceable(f"uses {name} on a tensor of shape {value.shape}, where the native kernel wants rows")
    if isinstance(value, Traced) and value.dtype in (torch.bfloat16, torch.float16):
        raise NotTraceable(f"computes in {value.dtype}, which the native kernel does for factors of products only")
    if isinstance(value, Traced) and value.shape and value.shape[0] not in (trace.batch, 1) and len(value.shape) > 1:
        raise NotTraceable(f"uses {name} with several entries for a row of the batch")


class Lowering:
    """Lowers the nodes of one phase in order; ``values`` holds what is known so far."""

    def __init__(self, trace: Trace, values: Mapping[Node, Value]) -> None:
        self.trace = trace
        self.values: dict[Node, Any] = dict(values)

    def run(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if node.target is not aten.t.default and node.target is not operator.mul:
                check_lowerable(self.trace, node)
                self.values[node] = self.lower(node)

    def __getitem__(self, node: Node) -> Value:
        return self.values[node]

    def lower(self, node: Node) -> Any:
        target: Any = node.target
        args: Any = node.args
        if target in MATRIX_PRODUCTS:
            return self._product(node)
        if target in CONSTANTS:
            value = CONSTANTS[target]
            number = value if value is not None else args[0 if target is aten.scalar_tensor.default else 1]
            if not isinstance(number, (int, float)):
                number = args[-1]
            if target is aten.new_full.default:
                number = args[2]
            return Value("FILL", (), self.width(node), float(number))
        if target in RESHAPING:
            return self._reshaped(node)
        if target is aten.expand.default:
            return self._spread(self.operand(args[0]), self.width(node))
        if target in SLICES:
            return self._slice(node)
        if target in PLACING:
            return self._placed(node)
        if target in ROW_WISE:
            return self._over_row(node)
        if target in CONVOLUTIONS:
            return self._convolution(node)
        self._check_operands(node)
        return self._elementwise(node)

    def width(self, node: Node) -> int:
        """Numbers of a row, whatever its shape."""
        return math.prod(self._frame(node))

    def _frame(self, node: Node) -> tuple[int, ...]:
        """The shape of a row, which for what has no rows is its whole shape."""
        shape = node.meta["value"].shape
        return shape[1:] if self.trace.has_rows(node) else shape

    def operand(self, value: Any) -> Value:
        """The value of a node or of a number."""
        if not isinstance(value, Node):
            return Value("FILL", (), 1, float(value))
        if value not in self.values:
            raise NotTraceable("computes with the size of the batch")
        return self.values[value]

    # ------------------------------------------------------------------------------------ kinds of operations

    def _product(self, node: Node) -> Value:
        args: Any = node.args
        rows, weights = args
        columns = self.width(node)
        depth = self.width(rows)
        transposed = False
        while weights.target is aten.t.default:
            weights, transposed = weights.args[0], not transposed
        if self.trace.has_rows(weights) or not self.trace.has_rows(rows):
            raise NotTraceable("multiplies rows of the batch with each other")
        matrix = Matrix(weights, transposed, depth, columns, rounded=node.target is rounded_matmul)
        return Value("PRODUCT", (self.values[rows],), columns, depth, matrix)

    def _convolution(self, node: Node) -> Any:
        """A convolution of rows that are frames, or the gradient of one by its input, which is one too."""
        args: Any = node.args
        backward = node.target is aten.convolution_backward.default
        rows, weights = (args[0], args[2]) if backward else args[:2]
        stride, padding, dilation, transposed, _, groups = args[4:10] if backward else args[3:9]
        shape = weights.meta["value"].shape
        outputs, inputs, *lengths = shape if not backward else (shape[1], shape[0], *shape[2:])
        around = [2 * p == d * (k - 1) for p, d, k in zip(padding, dilation, lengths)]
        if transposed or groups != 1 or set(stride) != {1} or not all(around) or len(around) != len(lengths):
            raise NotTraceable("uses a convolution that does not keep the size of its frame")
        if self.trace.has_rows(weights) or not self.trace.has_rows(rows):
            raise NotTraceable("convolves rows of the batch with each other")
        _, *size = self._frame(rows)
        kernel = Kernel(
            weights, None if backward else args[2], backward, inputs, outputs, *map(_three, (size, lengths, dilation))
        )
        value = Value("CONVOLUTION", (self.values[rows],), outputs * math.prod(size), key=kernel)
        return [value] if backward else value

    def _reshaped(self, node: Node) -> Value:
        source: Any = node.args[0]
        if not self.trace.has_rows(source) or self.width(source) != self.width(node):
            raise NotTraceable(f"reshapes rows ({node.target})")
        return self.values[source]

    def _slice(self, node: Node) -> Any:
        target: Any = node.target
        args: Any = node.args
        source = args[0]
        if target is operator.getitem:
            return self.values[source][args[1]]
        value, (whole, *inner) = self.values[source], self._frame(source) or (1,)
        each = math.prod(inner)
        axis = args[2] if target in (aten.split.Tensor, aten.split_with_sizes.default) and len(args) > 2 else 0
        if target in (aten.slice.Tensor, aten.select.int):
            axis = args[1] if len(args) > 1 else 0
        if target is aten.slice.Tensor and axis == 0:
            return self._whole_batch(node)
        if not self._is_first(axis, source):
            raise NotTraceable(f"takes some rows of the batch, or parts of a frame ({target})")
        if target is aten.select.int:
            return Value("SLICE", (value,), each, args[2] % whole * each)
        if target is aten.slice.Tensor:
            if len(args) > 4 and args[4] != 1:
                raise NotTraceable("slices with a step other than one")
            start = args[2] or 0 if len(args) > 2 else 0
            return Value("SLICE", (value,), self.width(node), (start if start >= 0 else start + whole) * each)
        size = args[1]
        sizes = size if isinstance(size, (list, tuple)) else [min(size, whole - k) for k in range(0, whole, size)]
        return [Value("SLICE", (value,), n * each, sum(sizes[:k]) * each) for k, n in enumerate(sizes)]

    def _is_first(self, axis: int, node: Node) -> bool:
        """Whether ``axis`` is the first one of a row."""
        return axis % len(node.meta["value"].shape) == 1

    def _whole_batch(self, node: Node) -> Value:
        source: Any = node.args[0]
        if node.meta["value"].shape != source.meta["value"].shape:
            raise NotTraceable("takes some rows of the batch")
        return self.values[source]

    def _placed(self, node: Node) -> Value:
        """Values side by side; the gradient of a slice is a slice among zeros."""
        target: Any = node.target
        args: Any = node.args
        width = self.width(node)
        if target is aten.cat.default:
            if len(args) < 2 or not self._is_first(args[1], node):
                raise NotTraceable("stacks rows of the batch, or parts of a frame")
            parts = [self._spread(self.values[a], self.width(a)) for a in args[0]]
            return Value("CAT", tuple(parts), width)
        axis = args[2]
        if not self._is_first(axis, node):
            if self.width(args[0]) == width and target is aten.slice_backward.default:
                return self.values[args[0]]
            raise NotTraceable(f"takes some rows of the batch, or parts of a frame ({target})")
        part, start = self.values[args[0]], args[3]
        whole, *inner = self._frame(node)
        if target is aten.slice_backward.default and args[5] != 1:
            raise NotTraceable("slices with a step other than one")
        start = (start if start >= 0 else start + whole) * math.prod(inner)
        after = width - start - part.width
        parts = [Value("FILL", (), start), part, Value("FILL", (), after)]
        return Value("CAT", tuple(p for p in parts if p.width), width)

    def _over_row(self, node: Node) -> Value:
        args: Any = node.args
        source, axes = args[0], args[1] if len(args) > 1 else None
        value = self.operand(source)
        if isinstance(axes, int):
            axes = [axes]
        if axes is not None and list(axes) == [0] and node.target is aten.sum.dim_IntList:
            raise NotTraceable("sums over the rows of the batch")
        if axes is None or [axis % 2 for axis in axes] != [1] or len(source.meta["value"].shape) != 2:
            raise NotTraceable(f"reduces over the rows of the batch ({node.target})")
        if node.target is aten.amax.default:
            return Value("ROW_MAXIMUM", (value,), 1, value.width)
        scale = 1 / value.width if node.target is aten.mean.dim else 1.0
        return Value("ROW_SUM", (value,), 1, scale)

    def _check_operands(self, node: Node) -> None:
        """Raise unless every operand lies like the result, number by number, or is one number a row."""
        frame = self._frame(node)
        for operand in node.all_input_nodes:
            if operand.meta["value"] is None:
                continue
            own = self._frame(operand)
            while len(own) > len(frame) and own[0] == 1:
                own = own[1:]
            if own != frame and math.prod(own) != 1:
                raise NotTraceable(f"repeats a tensor of shape {own} over rows of shape {frame}")

    def _elementwise(self, node: Node) -> Value:
        target: Any = node.target
        args: Any = node.args
        width = self.width(node)
        if target in UNARY:
            return Value(UNARY[target], (self.operand(args[0]),), width)
        if target in LOGICAL_NOT:
            return Value("RSUBI", (self.operand(args[0]),), width, 1.0)
        if target is aten.where.self:
            return Value("WHERE", tuple(self.operand(a) for a in args), width)
        if target is aten.masked_fill.Scalar:
            return Value("WHERE", (self.operand(args[1]), self.operand(args[2]), self.operand(args[0])), width)
        if target is aten.threshold_backward.default:
            return Value("RELU_GRADIENT", (self.operand(args[0]), self.operand(args[1])), width, args[2])
        if target is aten.clamp.default:
            value = self.operand(args[0])
            for op, bound in zip(("CLAMP_LOW", "CLAMP_HIGH"), args[1:]):
                if bound is not None:
                    value = Value(op, (value,), width, float(bound))
            return value
        return self._arithmetic(node)

    def _arithmetic(self, node: Node) -> Value:
        """Operations on two tensors, or a tensor and a number."""
        target: Any = node.target
        args: Any = node.args
        width = self.width(node)
        left, right = args[:2]
        alpha: Any = node.kwargs.get("alpha", 1) if len(args) < 3 else args[2]
        if node.kwargs.get("rounding_mode") is not None:
            raise NotTraceable("rounds a quotient")
        if target in (aten.rsub.Scalar, aten.rsub.Tensor):
            left, right, target = right, left, aten.sub.Tensor
            if alpha != 1:
                raise NotTraceable("subtracts a multiple")
        if not isinstance(right, Node):
            value, number = self.operand(left), float(right)
            if target in (aten.sub.Tensor, aten.sub.Scalar):
                return Value("ADDI", (value,), width, -number * alpha)
            if target in (aten.add.Tensor, aten.add.Scalar):
                return Value("ADDI", (value,), width, number * alpha)
            if target in (aten.div.Tensor, aten.div.Scalar) and number:
                return Value("MULI", (value,), width, 1 / number)
            if target is aten.mul.Tensor:
                return Value("MULI", (value,), width, number)
            if target in WITH_NUMBER:
                return Value(WITH_NUMBER[target], (value,), width, number)
            return Value(BINARY.get(target, "DIV"), (value, self.operand(number)), width)
        if not isinstance(left, Node) and target is aten.sub.Tensor:
            return Value("RSUBI", (self.operand(right),), width, float(left))
        pair = [self.operand(left), self.operand(right)]
        if alpha != 1 and target in (aten.add.Tensor, aten.sub.Tensor):
            pair[1] = Value("MULI", (pair[1],), pair[1].width, float(alpha))
        return Value(BINARY[target], tuple(pair), width)

    @staticmethod
    def _spread(value: Value, width: int) -> Value:
        """A value as wide as ``width``: one number of the row is repeated."""
        if value.width not in (1, width):
            raise NotTraceable(f"repeats {value.width} numbers over a row of {width}")
        return value if value.width == width else Value("COPY", (value,), width)


def _three(numbers: Sequence[int]) -> tuple[int, ...]:
    """``numbers`` of up to three dimensions as those of three; the dimensions that are missing come first."""
    return (1,) * (3 - len(numbers)) + tuple(numbers)
