"""A layer bound for streaming and generation: what does not change from step to step is done once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError, InputError
from .bound_step import BoundStep
from .cell import State
from .kinds import tensors_of
from .level import Direction, Level, PerStep
from .plan import FastPath, plan_for
from .residual import with_input
from .state import LayerState, check_state, map_state, named_state

if TYPE_CHECKING:
    from .layer import Recurrent


class Stage(NamedTuple):
    """A recurrent level of a bound layer, perhaps with the linear layer behind it.

    ``residual``: its input is added to its output.
    """

    direction: Direction
    bound: BoundStep
    residual: bool


class Stepper:
    """A layer that runs step by step, for inference, and keeps the state itself; made by `Recurrent.stepper`.

        stepper = layer.stepper(embedding=embedding.weight)
        for symbol in text:
            output = stepper.step(symbol)  # (1, features)

    Computes what `Recurrent.step` computes. Where every cell runs as native code, weights are packed and memory is laid
    out once, and a linear layer behind a cell is part of its step. With an embedding, what the first cell makes of its
    input alone (W x + b of an LSTM) is computed once for every symbol, and a step begins by looking it up.

    Parameters, the embedding and the mode of the layer are taken as they are when the stepper is made; call `refresh`
    after changing them. A stepper must not be used by two threads at once, and cannot be copied or pickled.

    Args:
        layer: any that has no cell which reads backward.
        batch: rows that run side by side.
        embedding: (vocabulary, features ...); steps are then given as symbols. None: as tensors.

    Attributes:
        path: "native", or "reference", which is `Recurrent.step` itself; and why.

    Raises:
        InputError, ArgumentError: what `Recurrent.step` raises; a batch or an embedding that cannot be.
    """

    def __init__(self, layer: Recurrent, batch: int = 1, embedding: Tensor | None = None) -> None:
        if batch < 1:
            raise ArgumentError(f"a stepper for {batch} rows", hint="give 1 or more", path=("batch",))
        if embedding is not None and (embedding.dim() < 2 or not len(embedding)):
            message = f"the embedding has the shape {tuple(embedding.shape)}"
            raise InputError(message, hint="give (vocabulary, features ...), a row for each symbol")
        self.layer, self.batch, self.embedding = layer, batch, embedding
        self._count = 0 if embedding is None else len(embedding)
        self._bind()
        self.reset()

    def refresh(self) -> None:
        """See the parameters, the embedding and the mode of the layer as they are now; the state stays."""
        state = self.state
        self._bind()
        self.state = state

    @property
    def state(self) -> LayerState | None:
        """The state, as `Recurrent.step` returns it, to be read and set; None sets the initial one.

        On the slow path it is None itself until the first step.
        """
        if self._is_slow:
            return self._slow_state
        return [
            named_state(cell, [values.clone() for _, values in zip(cell.states, stage.bound.slots[self._now])])
            for stage in self._recurrent
            for cell in [stage.direction.cell]
        ]

    @state.setter
    @torch.no_grad()
    def state(self, state: LayerState | None) -> None:
        if self._is_slow:
            self._slow_state = state if state is None else map_state(torch.clone, state)
            return
        given = self.layer._given(state)
        # all are checked before the first is changed
        found = [self._start(stage, values) for stage, values in zip(self._recurrent, given)]
        for stage, values in zip(self._recurrent, found):
            for slot, value in zip(stage.bound.slots[self._now], values):
                slot.copy_(value)

    def reset(self) -> None:
        """Go back to the initial state."""
        self.state = None

    def step(self, x: Any) -> Tensor:
        """Take one step and keep the state that it leads to.

        Args:
            x: (batch, features ...). With an embedding: a symbol, or (batch,) of them, int64.

        Returns:
            The output, (batch, features ...).

        Raises:
            InputError: shapes, dtypes or symbols that do not fit; the state is then as before.
        """
        if self.embedding is not None:
            x = self._symbols(x)
            if not self._looks_up:
                x = self.embedding.detach()[x].view(self.batch, *self.embedding.shape[1:])
        if self._is_slow:
            return self._slow_step(x)
        now = self._now
        for k, stage in enumerate(self._stages):
            if not isinstance(stage, Stage):
                x = _plainly(stage, x) if torch.is_grad_enabled() else stage(x)
                continue
            direction, bound, residual = stage
            if k == 0 and self._looks_up:
                bound.choose(x)
            else:
                if x.shape != bound.x.shape or x.dtype != bound.x.dtype or not x.is_cpu:
                    self._refuse(direction, x)
                bound.x.copy_(x.detach())
            output = bound.advance(now)
            x = with_input(x, output, first_axis=1) if residual else output
        self._now = 1 - now
        return x.clone()  # a later step writes where this one did

    @torch.no_grad()
    def _slow_step(self, x: Tensor) -> Tensor:
        if x.dim() and len(x) != self.batch:
            self._refuse(None, x)
        output, self._slow_state = self.layer.step(x, self._slow_state)
        return output

    def _symbols(self, symbols: Any) -> Any:
        """The number of a symbol where there is one row, else int64 (batch,)."""
        count = self._count
        if self.batch == 1 and type(symbols) is int and 0 <= symbols < count:  # the usual case, soon out of the way
            return symbols
        given = torch.tensor(symbols) if isinstance(symbols, int) else symbols
        if (
            not isinstance(given, Tensor)
            or given.dtype != torch.int64
            or given.dim() > 1
            or given.numel() != self.batch
        ):
            hint = f"with an embedding, give int64 of shape ({self.batch},)"
            raise InputError(f"{symbols!r} stands where {self.batch} symbols should", hint=hint)
        lowest, highest = map(int, torch.aminmax(given))
        if lowest < 0 or highest >= count:
            wrong = lowest if lowest < 0 else highest
            raise InputError(f"there is no symbol {wrong}", hint=f"the embedding has rows 0 to {count - 1}")
        return given if self.batch > 1 else lowest

    def __reduce__(self) -> Any:
        raise TypeError("a stepper holds addresses of memory and cannot be copied or pickled: make another")

    def _refuse(self, direction: Direction | None, x: Tensor) -> None:
        if direction is not None:
            direction.check(x, x.shape[1:], first_axis=1)
        raise InputError(f"x has {len(x)} rows on axis 0", hint=f"this stepper is bound for {self.batch}")

    def _start(self, stage: Stage, given: Any) -> State:
        direction, bound = stage.direction, stage.bound
        shape = tuple(bound.x.shape[1:])
        if given is None:
            return direction.begin(bound.x, self.batch, shape)
        check_state(direction.cell, given, self.batch, shape, bound.x, direction.place)
        return tuple(given)

    # ----------------------------------------------------------------------------------------------- binding

    @torch.no_grad()
    def _bind(self) -> None:
        self.layer.check_steps()
        self._now = 0
        self._slow_state: LayerState | None = None
        self._stages: list[Stage | nn.Module] = []
        self.path = FastPath("native", "every step runs as native code")
        levels = list(self.layer.levels)
        read_out: nn.Linear | None = None  # that the level before has taken in
        for k, (level, behind) in enumerate(zip(levels, [*levels[1:], None])):
            if isinstance(level, PerStep):
                if read_out is None:
                    self._stages.append(level.module)
                read_out = None
                continue
            assert isinstance(level, Level)
            (direction,) = level
            residual = self.layer.residual and any(isinstance(stage, Stage) for stage in self._stages)
            read_out = None if residual else _plain_linear(behind)
            embedding = self.embedding if k == 0 else None
            found = _bound(direction, self.batch, embedding, read_out)
            if isinstance(found, str) and read_out is not None:
                read_out = None
                found = _bound(direction, self.batch, embedding)
            if isinstance(found, str):
                self.path = FastPath("reference", f"{direction.place}: {found}")
                break
            self._stages.append(Stage(direction, found, residual))
        self._is_slow = self.path.path == "reference"
        self._recurrent = [stage for stage in self._stages if isinstance(stage, Stage)]
        self._looks_up = self.embedding is not None and not self._is_slow and isinstance(self._stages[0], Stage)


@torch.no_grad()
def _plainly(module: nn.Module, x: Tensor) -> Tensor:
    """The module without gradients; changing the mode costs as much as a small step, so only where it is needed."""
    return module(x)


def _plain_linear(level: nn.Module | None) -> nn.Linear | None:
    """The linear layer that ``level`` applies to every step, if it is one and nobody has hooked into it."""
    module = level.module if isinstance(level, PerStep) else None
    if type(module) is not nn.Linear or module._forward_hooks or module._forward_pre_hooks:
        return None
    return module


def _bound(
    direction: Direction, batch: int, inputs: Tensor | None, read_out: nn.Linear | None = None
) -> BoundStep | str:
    """The cell of one direction, with ``read_out`` behind it, bound to its memory, or why that cannot be."""
    cell = direction.wrapped(resets=False)[-1] if read_out is None else direction.with_read_out(read_out)
    shape = direction.cell.input_shape
    if inputs is not None:
        direction.check(inputs, inputs.shape[1:], first_axis=1)
        shape = tuple(inputs.shape[1:])
    sizes = tuple(size for size in shape if size is not None)
    if len(sizes) < len(shape):
        return f"{type(cell).__name__} takes inputs of any size"
    like = direction.like(torch.empty(0) if inputs is None else inputs)
    x = like.new_zeros(1, batch, *sizes)
    state = direction.begin(x, batch, sizes)
    if read_out is not None:
        state = (*state, like.new_zeros(batch, read_out.out_features))
    parameters = tensors_of(cell)
    plan = plan_for(cell, x, state, parameters)
    if plan.path.path != "native":
        return plan.path.reason
    return BoundStep(plan.program, cell.emitted, [p.detach() for p in parameters], state, inputs)
