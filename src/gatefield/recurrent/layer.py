"""Any cell as a layer: stacks, directions, lengths, dropout, carried and learned state."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from ..core.arguments import Probability
from ..core.configurable import Configurable
from ..core.errors import ArgumentError, InputError, suggest
from .cell import Cell
from .checkpointing import Run, in_segments
from .dropout import drop_between
from .engine import FastPath
from .execution import Choosing, Recording, execute
from .level import Direction, Level, Noise, PerStep, another
from .residual import with_input
from .sorted_rows import Lengths, SortedRows
from .state import LayerState, check_state, named_state
from .stepper import Stepper


class Recurrent(Configurable, nn.Module):
    """A cell run over time, or a stack of cells.

        output, state = Recurrent(LSTM(8, 16))(x, lengths=[5, 3, 0])

    A level of a stack is a cell, or any other module, which is applied to every step by itself: hidden layers that are
    not recurrent between some that are, with a size each (catalogue 149-151). A cell may be given by its name and
    arguments, as in a recipe.

    Args:
        cell: a cell, or the levels from the input up.
        bidirectional: every cell gets a sister of its own weights that reads each row from its last step to its first;
            a level emits both side by side along the features, so that the next has twice as many.
        dropout: of what a recurrent level hands to the next.
        variational: that dropout has one mask for all steps of a sequence.
        recurrent_dropout: of the state where it meets the recurrent weights, one mask a sequence (`RecurrentDropout`).
        zoneout: probability that a unit keeps its state, for all states or by name: ``{"c": 0.5, "h": 0.05}``
            (`Zoneout`).
        residual: every recurrent level but the first adds its input to its output (Wu et al. 2016).
        initial_state: the state of a row before its first step: "zero", "constant" (0.5) or another number, "learned"
            (catalogue 160).
        checkpoint: keep sqrt(T) states for the backward pass and compute the rest again, so that long sequences fit.
        bfloat16_products: what matrix products multiply is rounded to bfloat16, forward and backward; sums, parameters,
            states and gradients keep their dtype (`RoundedProducts`). Training takes half the time where the processor
            has tile instructions (AMX); elsewhere only steps of few rows gain, which wait for their weights. Autocast
            to bfloat16 on a processor means the same.

    Raises:
        ArgumentError: an option that could not do anything here.
    """

    kind = "recurrent layer"

    def __init__(
        self,
        cell: Cell | list[Cell | nn.Module],
        bidirectional: bool = False,
        dropout: Probability = 0.0,
        variational: bool = False,
        recurrent_dropout: Probability = 0.0,
        zoneout: Probability | dict[str, Probability] = 0.0,
        residual: bool = False,
        initial_state: Literal["zero", "constant", "learned"] | float = "zero",
        checkpoint: bool = False,
        bfloat16_products: bool = False,
    ) -> None:
        super().__init__()
        parts: list[Any] = list(cell) if isinstance(cell, list) else [cell]
        self.bidirectional, self.dropout, self.variational = bidirectional, dropout, variational
        self.residual, self.checkpoint, self.bfloat16_products = residual, checkpoint, bfloat16_products
        self._check_options(parts, zoneout)
        noisy = recurrent_dropout > 0 or bool(zoneout)
        self.levels = nn.ModuleList()
        for k, part in enumerate(parts):
            if not isinstance(part, Cell):
                self.levels.append(PerStep(part))
                continue
            rates = dict(zoneout) if isinstance(zoneout, dict) else dict.fromkeys(part.states, float(zoneout))
            noise = Noise(recurrent_dropout, rates) if noisy else Noise()
            cells = [part, another(part)] if bidirectional else [part]
            directions = [
                Direction(one, initial_state, noise, bool(i), bfloat16_products, f"level {k}")
                for i, one in enumerate(cells)
            ]
            self.levels.append(Level(directions))

    def _check_options(self, parts: list[Any], zoneout: float | dict[str, float]) -> None:
        cells = [part for part in parts if isinstance(part, Cell)]
        if not cells:
            raise ArgumentError("there is no cell among the levels", hint="give at least one Cell", path=("cell",))
        if any(isinstance(part, Recurrent) for part in parts):
            message = "a recurrent layer cannot be applied to single steps, as a level that is no cell is"
            raise ArgumentError(message, hint="give its cells as levels", path=("cell",))
        if self.variational and not self.dropout:
            message = "variational dropout without a rate"
            raise ArgumentError(message, hint="set dropout, or leave variational out", path=("variational",))
        for option in ("dropout", "residual"):
            if getattr(self, option) and len(cells) == 1:
                message = f"{option} is between recurrent levels, and there is one"
                raise ArgumentError(message, hint=f"add a level or leave {option} out", path=(option,))
        for name in zoneout if isinstance(zoneout, dict) else ():
            for cell in cells:
                if name not in cell.states:
                    message = f"{type(cell).__name__} has no state '{name}'"
                    raise ArgumentError(message, hint=suggest(name, cell.states), path=("zoneout", name))

    @property
    def directions(self) -> list[Direction]:
        """The cells that run over time: level by level, and in a level first the one that reads forward."""
        return [direction for level in self._parts if isinstance(level, Level) for direction in level]

    @property
    def _parts(self) -> Iterable[Level | PerStep]:
        levels = cast(nn.ModuleList, self._modules["levels"])  # as self.levels, but faster
        return cast(dict[str, Level | PerStep], levels._modules).values()

    def forward(
        self,
        x: Tensor,
        state: LayerState | None = None,
        lengths: Lengths | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, LayerState]:
        """Run over a batch of sequences.

        Args:
            x: (batch, time, features ...).
            state: where each row stands before its first step, as a former call returned it; None: the initial state.
            lengths: steps of each row, in any order, 0 allowed; the result is that of each row run alone. None: all.
            reset: (batch, time) bool, the steps before which a row starts anew from the initial state.

        Returns:
            The output of the last level, (batch, time, features ...), zero beyond a row's length; and the state after
            each row's last step: for each of `directions` a named tuple of (batch, ...), which can be given back.

        Raises:
            InputError: shapes, lengths, dtypes or devices that do not fit.
        """
        return self._run(x, state, lengths, reset, in_segments(execute) if self.checkpoint else execute)

    def _run(
        self, x: Tensor, state: LayerState | None, lengths: Lengths | None, reset: Tensor | None, run: Run
    ) -> tuple[Tensor, LayerState]:
        if x.dim() < 2:
            raise InputError(f"x has {x.dim()} axes", hint="give (batch, time, features ...)")
        batch, time = x.shape[:2]
        rows = SortedRows(batch, time, lengths, x.device)
        if reset is not None:
            _check_reset(reset, batch, time, x.device)
            reset = rows.enter(reset)
        given = self._given(state)
        x = rows.enter(x)
        final: LayerState = []
        recurrent = 0
        for level in self._parts:
            if isinstance(level, PerStep):
                x = level(x, rows)
                continue
            outputs = []
            for direction in level:
                start = self._start(direction, next(given), x, batch, tuple(x.shape[2:]), rows)
                output, end = direction(x, start, rows, reset, run)
                outputs.append(output)
                final.append(named_state(direction.cell, [rows.unsort(values) for values in end]))
            recurrent += 1
            x = self._pass_on(x, torch.cat(outputs, 2) if len(outputs) > 1 else outputs[0], recurrent)
        return rows.leave(x), final

    def _start(
        self,
        direction: Direction,
        given: Any,
        x: Tensor,
        batch: int,
        input_shape: tuple[int, ...],
        rows: SortedRows | None,
    ) -> tuple[Tensor, ...]:
        if given is None:
            return direction.begin(x, batch, input_shape)
        check_state(direction.cell, given, batch, input_shape, direction.like(x), direction.place)
        return tuple(given) if rows is None else tuple(rows.sort(values) for values in given)

    def _given(self, state: LayerState | None) -> Any:
        """The given states one after the other, or None as often as wanted."""
        if state is None:
            return itertools.repeat(None)
        count = len(self.directions)
        if not isinstance(state, (list, tuple)) or len(state) != count:
            given = f"has {len(state)} parts" if isinstance(state, (list, tuple)) else f"is a {type(state).__name__}"
            hint = f"give a list of {count}, one for each level and direction, as the layer returns it"
            raise InputError(f"the state {given}", hint=hint)
        return iter(state)

    def _pass_on(self, x: Tensor, output: Tensor, recurrent: int, first_axis: int = 2) -> Tensor:
        """What the level number ``recurrent`` (from 1) gives to the next: residual connection and dropout.

        Features begin on ``first_axis``.
        """
        if self.residual and recurrent > 1:
            output = with_input(x, output, first_axis)
        if self.dropout and self.training:
            last = recurrent == sum(isinstance(level, Level) for level in self._parts)
            return output if last else drop_between(output, self.dropout, self.variational)
        return output

    def step(self, x: Tensor, state: LayerState | None = None) -> tuple[Tensor, LayerState]:
        """One step of every row, for streaming and generation: what `forward` does with one step of time.

        Args:
            x: (batch, features ...).
            state: as `forward` or `step` returned it; None: the initial state.

        Raises:
            InputError: wrong shapes, or a layer that is in training and draws masks for whole sequences.
            ArgumentError: a bidirectional layer, which must know the future.
        """
        self.check_steps()
        given = self._given(state)
        final: LayerState = []
        recurrent = 0
        for level in self._parts:
            if isinstance(level, PerStep):
                x = level.module(x)
                continue
            (direction,) = level
            input_shape = tuple(x.shape[1:])
            direction.check(x, input_shape, first_axis=1)
            now = self._start(direction, next(given), x, x.shape[0], input_shape, None)
            cell = direction.wrapped(resets=False)[-1]
            now = cell.step(x, now)
            final.append(named_state(cell, now))
            recurrent += 1
            x = self._pass_on(x, now[cell.emitted], recurrent, first_axis=1)
        return x, final

    def stepper(self, batch: int = 1, embedding: Tensor | None = None) -> Stepper:
        """This layer bound for fast streaming and generation, without gradients; it keeps the state itself.

        Args:
            batch: rows that run side by side.
            embedding: (vocabulary, features ...); steps are then given as symbols, int, and not as tensors.
        """
        return Stepper(self, batch, embedding)

    def check_steps(self) -> None:
        """Raise unless this layer can run step by step, as it is now.

        Raises:
            InputError: it is in training and draws masks for whole sequences.
            ArgumentError: it is bidirectional.
        """
        if self.bidirectional:
            message = "a bidirectional layer cannot run step by step: it reads from the last step too"
            raise ArgumentError(message, hint="build it with bidirectional=False", path=("bidirectional",))
        noise = self.directions[0].noise
        if self.training and (self.dropout or noise.recurrent_dropout or any(noise.zoneout.values())):
            raise InputError("this layer draws its dropout masks for whole sequences", hint="call layer.eval() first")

    def gates(
        self,
        x: Tensor,
        state: LayerState | None = None,
        lengths: Lengths | None = None,
        reset: Tensor | None = None,
    ) -> list[dict[str, Tensor]]:
        """What the gates of every cell do on ``x``: for each of `directions`, name -> (batch, time, ...).

        Zero beyond a row's length. Takes the reference loop; arguments as for `forward`.
        """
        recording = Recording()
        self._run(x, state, lengths, reset, recording)
        rows = SortedRows(x.shape[0], x.shape[1], lengths, x.device)
        return [
            {name: rows.leave(rows.reverse(gate) if direction.backward else gate) for name, gate in gates.items()}
            for direction, gates in zip(self.directions, recording.gates)
        ]

    def fast_path(self, x: Tensor) -> list[FastPath]:
        """The path that runs each of `directions` on inputs like ``x``, and why: native, torch or reference."""
        choosing = Choosing()
        self._run(x, None, None, None, choosing)
        return choosing.paths


def _check_reset(reset: Tensor, batch: int, time: int, device: torch.device) -> None:
    hint = f"give bool ({batch}, {time}) on {device}: where a row starts anew"
    if reset.dtype != torch.bool or reset.device != device:
        raise InputError(f"reset is {reset.dtype} on {reset.device}", hint=hint)
    for axis, (size, right) in enumerate(zip(reset.shape, (batch, time))):
        if size != right:
            raise InputError(f"reset has {size} on axis {axis}, x has {right}", hint=hint)
    if reset.dim() != 2:
        raise InputError(f"reset has {reset.dim()} axes", hint=hint)
