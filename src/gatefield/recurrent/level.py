"""One level of a stack: a cell over time in one direction or in both, or any module applied step by step."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from .cell import Cell, State
from .checkpointing import Run
from .dropout import RecurrentDropout, Zoneout
from .initial_state import InitialState, InitialStateName
from .read_out import ReadOut
from .resetting import Resetting
from .rounded_products import RoundedProducts, multiplies
from .sorted_rows import SortedRows


@dataclass(frozen=True)
class Noise:
    """What disturbs the recurrence in training: `RecurrentDropout` and `Zoneout` (state -> rate)."""

    recurrent_dropout: float = 0.0
    zoneout: dict[str, float] = field(default_factory=dict)


class Direction(nn.Module):
    """A cell over time, first to last or last to first.

    Args:
        cell: the step.
        start: the state before the first step.
        noise: what disturbs it.
        backward: from the last step of each row to its first.
        rounded: whether products see bfloat16.
        place: what errors call it.
    """

    def __init__(
        self, cell: Cell, start: InitialStateName | float, noise: Noise, backward: bool, rounded: bool, place: str
    ) -> None:
        super().__init__()
        self.cell, self.initial = cell, InitialState(cell, start)
        self.noise, self.backward, self.rounded, self.place = noise, backward, rounded, place
        self._wrapped: dict[tuple[bool, bool, bool], list[Cell]] = {}
        self._multiplies: bool | None = None  # whether the cell does; found out when it is asked
        self._read_outs: dict[tuple[Cell, nn.Linear], ReadOut] = {}

    def begin(self, x: Tensor, batch: int, input_shape: tuple[int, ...]) -> State:
        """The state before the first step of ``batch`` rows."""
        modules: dict[str, Any] = self._modules  # as self.initial(self.cell, ...), but faster
        return modules["initial"].forward(modules["cell"], batch, input_shape, self.like(x))

    def like(self, x: Tensor) -> Tensor:
        """A tensor with the dtype and device of the cell's state: of its parameters, or of ``x`` if it has none."""
        cell: Any = self._modules["cell"]
        for parameter in cell._parameters.values():  # as next(cell.parameters(), x), but faster
            if parameter is not None:
                return parameter
        return next(cell.parameters(), x)

    def forward(
        self, x: Tensor, state: State, rows: SortedRows, reset: Tensor | None, run: Run
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """Output (time, batch, ...) and last state of ``x`` (time, batch, ...); ``reset`` (time, batch) or None.

        Under autocast to bfloat16 on a processor, rounded products take the place of autocast, which the engine cannot
        see through.
        """
        self.check(x, x.shape[2:])
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and self._rounds_instead(x, state):
            with torch.autocast("cpu", enabled=False):
                return self._over(x.to(state[0].dtype), state, rows, reset, run, rounded=True)
        return self._over(x, state, rows, reset, run, rounded=self.rounded)

    def _rounds_instead(self, x: Tensor, state: State) -> bool:
        """Whether rounded products come to what autocast, which is on, asks for."""
        if torch.get_autocast_dtype("cpu") is not torch.bfloat16 or self.like(x).dtype is not torch.float32:
            return False
        if self._multiplies is None and x.shape[0] and x.shape[1]:
            self._multiplies = multiplies(self.cell, x[0].float(), state)
        return bool(self._multiplies)

    def _over(
        self, x: Tensor, state: State, rows: SortedRows, reset: Tensor | None, run: Run, rounded: bool
    ) -> tuple[Tensor, Sequence[Tensor]]:
        own = len(state)
        first = self.begin(x, x.shape[1], tuple(x.shape[2:])) if reset is not None else ()
        if self.backward:
            x = rows.reverse(x)
            if reset is not None:  # what starts anew at t going forward does so at t - 1 going backward
                reset = rows.reverse(rows.blank(torch.cat([reset[1:], torch.zeros_like(reset[:1])])))
        cell, *wrappers = self.wrapped(reset is not None, rounded)
        for cell in wrappers:
            if isinstance(cell, Resetting):
                assert reset is not None
                x, state = cell.prepare(x, state, reset, first)
            elif isinstance(cell, (RecurrentDropout, Zoneout)):
                x, state = cell.prepare(x, state)
        output, final = run(cell, x, state, rows.active)
        return rows.reverse(output) if self.backward else output, final[:own]

    def wrapped(self, resets: bool, rounded: bool | None = None) -> list[Cell]:
        """The cell, then what this mode puts around it, from the inside out; ``rounded``: None as the layer says.

        They are built once: the engine knows a cell by its identity, and would trace a new one at every call.
        """
        rounded = self.rounded if rounded is None else rounded
        key = (self.training, resets, rounded)
        if key not in self._wrapped:
            cells: list[Cell] = [self.cell]
            if rounded:
                cells.append(RoundedProducts(cells[-1]))
            rates = {name: rate for name, rate in self.noise.zoneout.items() if rate}
            if self.noise.recurrent_dropout and self.training:
                cells.append(RecurrentDropout(cells[-1], self.noise.recurrent_dropout))
            if rates:
                cells.append(Zoneout(cells[-1], rates, self.training))
            if resets:
                cells.append(Resetting(cells[-1], len(self.cell.states)))
            self._wrapped[key] = cells
        return self._wrapped[key]

    def with_read_out(self, linear: nn.Linear) -> ReadOut:
        """What steps in this mode where nothing is reset, and ``linear`` behind it, as one cell; built once, too."""
        key = (self.wrapped(resets=False)[-1], linear)
        if key not in self._read_outs:
            self._read_outs[key] = ReadOut(*key)
        return self._read_outs[key]

    def check(self, x: Tensor, input_shape: Sequence[int], first_axis: int = 2) -> None:
        """Raise unless the cell can read ``x``.

        Raises:
            InputError: wrong features, dtype or device; the message names the axis.
        """
        cell = cast(Cell, self._modules["cell"])
        cell.check_input(tuple(input_shape), f"the input of {self.place}", first_axis)
        like = self.like(x)
        if x.device != like.device:
            hint = f"move one: x.to('{like.device}')"
            raise InputError(f"the input of {self.place} is on {x.device}, its cell on {like.device}", hint=hint)
        if x.dtype != like.dtype and not (x.is_floating_point() and torch.is_autocast_enabled(x.device.type)):
            hint = f"convert one: x.to({like.dtype}), or layer.to({x.dtype}) if that is a floating type"
            raise InputError(f"the input of {self.place} is {x.dtype}, its cell {like.dtype}", hint=hint)


class Level(nn.Module):
    """A cell over time in one direction, or two cells in both, their outputs side by side along the features."""

    def __init__(self, directions: list[Direction]) -> None:
        super().__init__()
        self.directions = nn.ModuleList(directions)

    def __iter__(self) -> Iterator[Direction]:
        directions = cast(nn.ModuleList, self._modules["directions"])  # as self.directions, but faster
        return iter(cast(dict[str, Direction], directions._modules).values())


class PerStep(nn.Module):
    """A module that is not recurrent, applied to every step of every row by itself (catalogue 150)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, rows: SortedRows) -> Tensor:
        """``x`` (time, batch, ...); padding does not reach the module, which might average over what it sees."""
        time, batch = x.shape[:2]
        flat = x.flatten(0, 1)
        if rows.steps is None:
            return self.module(flat).unflatten(0, (time, batch))
        values = self.module(flat.index_select(0, rows.steps))
        blank = values.new_zeros(time * batch, *values.shape[1:])
        return blank.index_copy(0, rows.steps, values).unflatten(0, (time, batch))


def another(cell: Cell) -> Cell:
    """A new cell like ``cell`` with parameters of its own, freshly drawn."""
    like = next(cell.parameters(), None)
    fresh = type(cell)(**copy.deepcopy(dict(cell.arguments)))
    return fresh if like is None else fresh.to(like)
