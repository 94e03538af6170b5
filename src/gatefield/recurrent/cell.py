"""The contract of a recurrent cell: parameters, state shapes and one step, written as its paper writes it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..core.configurable import Configurable
from ..core.errors import InputError

State = tuple[Tensor, ...]


@dataclass(frozen=True)
class CellExample:
    """A small instance for the contract suite: constructor arguments, and the shape of one row's input.

    ``exact_gradient`` is False where the paper trains by something else than the gradient.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, ...] = (3,)
    exact_gradient: bool = True


class Cell(Configurable, nn.Module):
    """One step of a recurrence, ``state_t = step(x_t, state_{t-1})``; `Recurrent` runs it over time.

    A cell is its parameters, the names of its states and its equations, in plain torch:

        class Accumulator(Cell):
            def __init__(self, input_size: int, hidden_size: int) -> None:
                super().__init__()
                self.input_size, self.hidden_size = input_size, hidden_size
                self.W = input_weights(input_size, hidden_size)

            def step(self, x, state):
                (h,) = state
                h = h + torch.tanh(F.linear(x, self.W))
                return (h,)

    The step sees whole rows and never mixes them: it is called with all rows of a batch, or with some. It must not draw
    random numbers, keep anything on ``self`` or change its arguments in place; then the engine can trace it.

    A parameter is named by the letter it has in the paper: ``W...`` meets the input, ``U...`` the state, ``b...`` is a
    bias. Gates lie one below the other along the first axis, each ``hidden_size`` rows.

    Class attributes:
        states: the names of the states, in the order in which ``step`` takes and returns them.
        emits: the state that is the cell's output; the first unless named.

    Attributes:
        input_size, hidden_size: the features of a cell on vectors; a cell on other shapes overrides ``input_shape`` and
            ``state_shapes`` instead.
    """

    kind: ClassVar[str] = "cell"
    package: ClassVar[str] = "gatefield.recurrent.cells"
    states: tuple[str, ...] = ("h",)
    emits: str = ""
    input_size: int
    hidden_size: int

    @classmethod
    def examples(cls) -> list[CellExample]:
        """Small instances that the contract suite builds and tests."""
        raise NotImplementedError(f"{cls.__name__} has no examples")

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of one row's input; None on an axis where any size will do."""
        return (self.input_size,)

    def state_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Name -> shape of one row's state, for inputs of ``input_shape``."""
        return dict.fromkeys(self.states, (self.hidden_size,))

    @property
    def emitted(self) -> int:
        """The position of the state that is the cell's output."""
        return self.states.index(self.emits) if self.emits else 0

    def initial_state(
        self, batch: int, input_shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
    ) -> State:
        """The state before the first step, (batch, *shape) each: zeros, unless the cell's paper has another."""
        shapes = self.state_shapes(input_shape).values()
        return tuple([torch.zeros((batch, *shape), dtype=dtype, device=device) for shape in shapes])

    def step(self, x: Tensor, state: State) -> State:
        """The state after ``x`` (batch, *input_shape); ``state`` and the result hold (batch, *shape) in one order."""
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def forward(self, x: Tensor, state: State) -> State:
        return self.step(x, state)

    def dropout(self, h: Tensor) -> Tensor:
        """What the matrix products of a step see of ``h``: h itself, or h under the sequence's recurrent dropout mask.

        A cell that can be run with ``recurrent_dropout`` writes ``F.linear(self.dropout(h), self.U)``.
        """
        return _mask.get()(h)

    def observe(self, **gates: Tensor) -> None:
        """Called by a step with its gates by name; does nothing unless somebody listens (`listening`)."""
        listener = _listener.get()
        if listener is not None:
            listener(gates)

    def check_input(self, input_shape: tuple[int, ...], what: str = "x", first_axis: int = 2) -> None:
        """Raise unless one row of the input, called ``what``, may have this shape; it begins on ``first_axis``.

        Raises:
            InputError: which axis is wrong, and what it should be.
        """
        wanted = self.input_shape
        if input_shape == wanted:
            return
        name = type(self).__name__
        if len(input_shape) != len(wanted):
            shape = ", ".join("any" if size is None else str(size) for size in wanted)
            message = f"{what} has {len(input_shape)} feature axes, {name} wants {len(wanted)}"
            raise InputError(message, hint=f"from axis {first_axis} on, give ({shape})")
        for axis, (size, right) in enumerate(zip(input_shape, wanted), start=first_axis):
            if right is not None and size != right:
                message = f"{what} has {size} features on axis {axis}, {name} wants {right}"
                raise InputError(message, hint=f"give {right} on axis {axis}, or build the cell for {size}")


Listener = Callable[[dict[str, Tensor]], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_mask: ContextVar[Callable[[Tensor], Tensor]] = ContextVar("mask", default=lambda h: h)
_once: ContextVar[dict[tuple[int, str], Any] | None] = ContextVar("once", default=None)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Inside the block, ``listener`` gets the gates of every step, as `Cell.observe` tells them."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextlib.contextmanager
def masking(mask: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Inside the block, ``mask`` is what `Cell.dropout` does to h."""
    token = _mask.set(mask)
    try:
        yield
    finally:
        _mask.reset(token)


@contextlib.contextmanager
def one_sequence() -> Iterator[None]:
    """Inside the block, methods marked `once_a_sequence` are computed once."""
    token = _once.set({})
    try:
        yield
    finally:
        _once.reset(token)


def once_a_sequence(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Mark a cell's method that depends on parameters alone (a matrix exponential): a loop computes it only once."""

    @functools.wraps(method)
    def compute(cell: Any) -> Any:
        values = _once.get()
        if values is None:
            return method(cell)
        key = (id(cell), method.__name__)
        if key not in values:
            values[key] = method(cell)
        return values[key]

    return compute
