"""Receptive fields of a network as it is, branches included: they follow the tensors through every operation."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from ..functional.convolution_arithmetic import Window
from ..functional.receptive_field import ReceptiveField

_POOLING = re.compile(r"(max|avg)_pool\dd(_with_indices)?$")
_ADAPTIVE = re.compile(r"_?adaptive_(max|avg)_pool\dd$")
_PRODUCTS = {"mm", "addmm"}  # what a fully connected layer becomes
_BATCHED_PRODUCTS = {"bmm", "baddbmm"}  # what attention becomes: every position reads every other
_CONSTANTS = {"new_zeros", "new_ones", "new_full", "zeros_like", "ones_like", "full_like"}
_EXCHANGES = {"transpose", "permute"}
_REDUCTIONS = {"mean", "sum", "amax", "logsumexp"}

_Fields = tuple[ReceptiveField | None, ...]


@dataclass(frozen=True)
class _Trace:
    """Field along each axis of the input; None once an operation with no known rule has changed the size."""

    fields: _Fields
    flat: bool  # the spatial axes have been folded into the features

    def join(self, other: _Trace) -> _Trace:
        fields = tuple(a and b and a.join(b) for a, b in zip(self.fields, other.fields))
        return _Trace(fields, self.flat and other.flat)


class ReceptiveFields(TorchDispatchMode):
    """While active, notes for every tensor computed from ``x`` how much of ``x`` its units can see.

    Args:
        x: the input (batch, channels, spatial axes...), or (batch, features), whose one axis is the features.
        sequence: x is (batch, time, features); its one axis is time, and layers may exchange the last two axes.
    """

    def __init__(self, x: Tensor, sequence: bool = False) -> None:
        super().__init__()
        self.sequence = sequence
        self.batch, self.sizes = x.shape[0], tuple(x.shape[2:] if x.dim() > 2 and not sequence else x.shape[1:2])
        self.whole = tuple(ReceptiveField(size, start=Fraction(size - 1, 2)) for size in self.sizes)
        self._traces: Any = WeakTensorKeyDictionary()
        self._traces[x] = _Trace(tuple(ReceptiveField() for _ in self.sizes), flat=x.dim() == 2)

    def of(self, tensor: Tensor) -> tuple[int, ...] | None:
        """Theoretical receptive field of the units of ``tensor`` along each axis; padding lets it exceed the input.

        None: an operation that changes the size, and for which there is no rule here, was on the way.
        """
        trace = self._traces.get(tensor)
        sizes = [] if trace is None else [field.size for field in trace.fields if field is not None]
        return tuple(sizes) if len(sizes) == len(self.sizes) else None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf in self._traces]
        if inputs and func.overloadpacket.__name__ not in _CONSTANTS:
            trace = functools.reduce(_Trace.join, [self._traces[tensor] for tensor in inputs])
            for output in tree_leaves(result):
                if isinstance(output, Tensor):
                    self._traces[output] = self._after(func.overloadpacket.__name__, args, output, trace)
        return result

    def _after(self, name: str, args: Sequence[Any], output: Tensor, trace: _Trace) -> _Trace:
        if self.sequence and name in _EXCHANGES:
            return trace
        if self.sequence and name == "cat" and args[1] in (output.dim() - 1, -1):
            return _Trace(self._lengthened(args[0], trace.fields), trace.flat)
        if name in _BATCHED_PRODUCTS or (trace.flat and name in _PRODUCTS | _REDUCTIONS):
            return _Trace(self.whole, trace.flat)
        source = args[0]
        if not isinstance(source, Tensor) or source.dim() < len(self.sizes) + 2:
            return trace
        if name in _REDUCTIONS:
            return _Trace(self._reduced(args, trace.fields), trace.flat)
        if name == "convolution":
            return _Trace(self._convolved(args, trace.fields), trace.flat)
        if name == "constant_pad_nd":
            return _Trace(self._padded(args, trace.fields), trace.flat)
        if _POOLING.match(name):
            return _Trace(self._pooled(args, trace.fields), trace.flat)
        if _ADAPTIVE.match(name):
            return _Trace(self._adapted(source, output, trace.fields), trace.flat)
        if output.dim() == 2 and output.shape[0] == self.batch:
            return _Trace(trace.fields, flat=True)
        resized = output.dim() == source.dim() and output.shape[2:] != source.shape[2:]
        return _Trace((None,) * len(self.sizes), trace.flat) if resized else trace

    def _convolved(self, args: Sequence[Any], fields: _Fields) -> _Fields:
        _, weight, _, strides, paddings, dilations, transposed = args[:7]
        windows = zip(*(self._last(values) for values in (weight.shape[2:], strides, paddings, dilations)))
        if transposed:
            return tuple(field and field.through_transposed(*window) for field, window in zip(fields, windows))
        return tuple(field and field.through(Window(*window)) for field, window in zip(fields, windows))

    def _padded(self, args: Sequence[Any], fields: _Fields) -> _Fields:
        pairs = list(zip(args[1][::2], args[1][1::2]))[: len(fields)]  # the last axis comes first
        pairs += [(0, 0)] * (len(fields) - len(pairs))
        return tuple(field and field.through(Window(1, padding=pair)) for field, pair in zip(fields, reversed(pairs)))

    def _lengthened(self, parts: Sequence[Tensor], fields: _Fields) -> _Fields:
        """What stands beside a sequence in time, the past before its first step, is as padding."""
        seen = [number for number, part in enumerate(parts) if part in self._traces]
        if len(seen) > 1:
            return (None,) * len(fields)
        before, after = (sum(part.shape[-1] for part in side) for side in (parts[: seen[0]], parts[seen[0] + 1 :]))
        return tuple(field and field.through(Window(1, padding=(before, after))) for field in fields)

    def _pooled(self, args: Sequence[Any], fields: _Fields) -> _Fields:
        kernels = self._last(args[1])
        strides = self._last(args[2]) if len(args) > 2 and args[2] else kernels
        paddings = self._last(args[3]) if len(args) > 3 else [0] * len(fields)
        dilations = self._last(args[4]) if len(args) > 4 and not isinstance(args[4], bool) else [1] * len(fields)
        windows = zip(kernels, strides, paddings, dilations)
        return tuple(field and field.through(Window(*window)) for field, window in zip(fields, windows))

    def _reduced(self, args: Sequence[Any], fields: _Fields) -> _Fields:
        rank = args[0].dim()
        dims = args[1] if len(args) > 1 and args[1] else range(rank)
        gone = {dim % rank - (rank - len(fields)) for dim in dims}
        return tuple(self.whole[axis] if axis in gone else field for axis, field in enumerate(fields))

    def _adapted(self, source: Tensor, output: Tensor, fields: _Fields) -> _Fields:
        after = []
        for whole, before, left, field in zip(self.whole, self._last(source.shape), self._last(output.shape), fields):
            if left == 1:
                after.append(whole)
            elif before % left:  # windows of different sizes
                after.append(None)
            else:
                after.append(field and field.through(Window(before // left, before // left)))
        return tuple(after)

    def _last(self, values: Sequence[int]) -> list[int]:
        """One value an axis; torch gives one for all, or one more in front where it runs one axis as two."""
        return list(values)[-len(self.sizes) :] if len(values) > 1 else list(values) * len(self.sizes)
