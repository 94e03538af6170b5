"""Reservoirs one upon the other, all of whose states are seen at once; driven by NumPy where no gradient is wanted."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from ..core.native_library import demanded_engine, has_memory
from ..functional.lengths import blank, inside
from ..functional.reservoir_drive import Array, FreeRun
from ..recurrent.cells.echo_state import EchoState
from ..recurrent.layer import Recurrent

States = tuple[Tensor, ...]


class EchoStates(NamedTuple):
    """Where a network stands: x(n) of every reservoir, (batch, units) each, and its last answer y(n), (batch, classes).

    Reservoirs are in the order of levels, in a level the one that reads forward first.
    """

    x: tuple[Tensor, ...]
    y: Tensor


class ReservoirStack(nn.Module):
    """A deep reservoir: each level hears the states of the one below, and whoever reads sees all levels.

    States are (batch, units) each, level by level, in a level first the reservoir that reads forward.

    Args:
        cells: from the input up.
        bidirectional: every level has a second reservoir that reads from the last step to the first.

    Source: Gallicchio, Micheli and Pedrelli (2017), section 2.
    """

    def __init__(self, cells: list[EchoState], bidirectional: bool = False) -> None:
        super().__init__()
        self.levels = nn.ModuleList([Recurrent(cell, bidirectional) for cell in cells])

    @property
    def _levels(self) -> list[Recurrent]:
        return cast(list[Recurrent], list(self.levels))

    @property
    def cells(self) -> list[EchoState]:
        """The reservoirs, in the order of their states."""
        return [cast(EchoState, direction.cell) for level in self._levels for direction in level.directions]

    @property
    def units(self) -> int:
        return sum(cell.hidden_size for cell in self.cells)

    def start(self, batch: int) -> States:
        """Zeros."""
        return tuple(cell.b.new_zeros(batch, cell.hidden_size) for cell in self.cells)

    def forward(self, x: Tensor, state: States, ends: Tensor) -> tuple[Tensor, States]:
        """The states at all steps, (batch, time, units), zero beyond a row's end; and those after its last step.

        Args:
            x: (batch, time, features), finite in its padding.
            state: before the first step.
            ends: steps of each row, int64 (batch,).
        """
        outputs, finals, given = [], [], iter(state)
        run = _driven if self.may_leave_torch(x, *state) else _recurrent
        for level in self._levels:
            x, end = run(level, x, [next(given) for _ in level.directions], ends)
            outputs.append(x)
            finals += end
        return _joined(outputs), tuple(finals)

    def step(self, x: Tensor, state: States) -> States:
        """One step of every reservoir; x (batch, features)."""
        after = []
        for level, now in zip(self._levels, state):
            x, _ = level.step(x, [(now,)])
            after.append(x)
        return tuple(after)

    def run_freely(
        self, steps: int, state: EchoStates, read_out: nn.Linear, seen: int, x: Tensor | None
    ) -> tuple[Tensor, EchoStates]:
        """`FreeRun.run` with ``read_out``, on tensors with rows first."""
        W_out = torch.cat([read_out.bias[:, None], read_out.weight], 1)
        run = FreeRun([cell.reservoir() for cell in self.cells], _array(W_out), seen)
        given = None if x is None else _array(x.permute(1, 2, 0))
        answers, after, y_end = run.run(steps, [_array(part.T) for part in state.x], _array(state.y.T), given)

        def tensor(values: Array, *axes: int) -> Tensor:
            return torch.from_numpy(values).permute(*axes).to(state.y)

        end = EchoStates(tuple(tensor(part, 1, 0) for part in after), tensor(y_end, 1, 0))
        return tensor(answers, 2, 0, 1), end

    def may_leave_torch(self, *tensors: Tensor) -> bool:
        """Whether NumPy may compute what depends on the weights and on ``tensors``: in memory, and without gradients.

        ``GATEFIELD_ENGINE`` other than native keeps everything in torch.
        """
        leaves = (*tensors, *self.parameters())
        wanted = torch.is_grad_enabled() and any(leaf.requires_grad for leaf in leaves)
        here = all(leaf.is_cpu and has_memory(leaf) for leaf in leaves)
        return here and not wanted and demanded_engine() in (None, "native")


def at_end(x: Tensor, ends: Tensor, otherwise: Tensor) -> Tensor:
    """The last step (batch, ...) of each row of ``x`` (batch, time, ...); ``otherwise`` where it has none."""
    if not x.shape[1]:
        return otherwise
    last = x[torch.arange(len(x), device=x.device), (ends - 1).clamp(min=0)]
    return torch.where(ends[:, None] > 0, last, otherwise)


def _recurrent(level: Recurrent, x: Tensor, start: list[Tensor], ends: Tensor) -> tuple[Tensor, list[Tensor]]:
    output, end = level(x, [(state,) for state in start], ends)
    return output, [state for (state,) in end]


def _driven(level: Recurrent, x: Tensor, start: list[Tensor], ends: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What `_recurrent` computes, by NumPy."""
    place = torch.arange(x.shape[1])
    mirror = torch.where(inside(ends, len(place)), ends[:, None] - 1 - place, place)[:, :, None]
    outputs, finals = [], []
    for direction, state in zip(level.directions, start):
        read = x.gather(1, mirror.expand_as(x)) if direction.backward else x
        reservoir = cast(EchoState, direction.cell).reservoir()
        states = torch.from_numpy(reservoir.drive(_array(read.permute(1, 2, 0)), _array(state.T)))
        states = states.permute(2, 0, 1).to(x)
        finals.append(at_end(states, ends, state))
        outputs.append(states.gather(1, mirror.expand_as(states)) if direction.backward else states)
    output = _joined(outputs)
    return output if bool((ends == len(place)).all()) else blank(output, ends), finals


def _joined(parts: list[Tensor]) -> Tensor:
    """Side by side along the features; one alone is not copied."""
    return torch.cat(parts, 2) if len(parts) > 1 else parts[0]


def _array(x: Tensor) -> Array:
    """``x`` as NumPy wants it: float64, in C order."""
    values: Any = x.detach().double().contiguous().numpy()
    return values
