"""The echo state network: reservoirs that stay as they were drawn, and a read-out that is solved for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import Interval, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from ...core.errors import ArgumentError, InputError
from ...functional.lengths import blank, inside, row_ends
from ...functional.reservoir_weights import Distribution, random_weights
from ...functional.ridge import NormalEquations
from ...recurrent.cells.echo_state import EchoState
from ..model import Model, SequenceExample
from ..read_out_targets import read_out_targets
from ..reservoir_stack import EchoStates, ReservoirStack, at_end
from ..state_window import StateWindow, between, blocks

Lengths = Sequence[int] | Tensor


class EchoStateNetwork(Model):
    """Echo state network: random reservoirs, and a linear read-out found by ridge regression.

        x~(n) = tanh(W^in [1; u(n)] + W x(n-1) + W^fb y(n-1))           (2)
        x(n) = (1 - a) x(n-1) + a x~(n)                                 (3)
        y(n) = W^out [1; u(n); x(n)]                                    (4)
        W^out = Y^target X^T (X X^T + beta I)^{-1}                      (9)

        net = EchoStateNetwork(1, 1, units=1000, spectral_radius=1.25)
        state = net.fit(series[:, :-1], series[:, 1:])
        future, state = net.generate(500, state)

    `fit` solves for the read-out in one pass over sequences of any length. Besides, this is a module like any other:
    gradients go through it, optimizers train its read-out, and its reservoirs where ``trainable``.

    It computes in float64 unless it is converted, because (9) is badly conditioned, takes any real dtype and answers
    in it. On a processor, and where no gradient is wanted, reservoirs run by `functional.reservoir_drive`.

    Args:
        features: of u(n); 0 for a generator that hears its own answers alone.
        classes: numbers of an answer y(n).
        units: of the reservoir, N; a list for a deep one, from the input up. The read-out sees all levels.
        leak: a, in (0, 1].
        spectral_radius: of W.
        input_scale: range of W^in: U(-input_scale, input_scale), or N(0, input_scale^2).
        bias_scale: of the weights of the constant 1.
        feedback_scale: of W^fb; 0: no output feedback.
        degree: links into each unit from its own reservoir; None: all units to all.
        distribution: of all weights.
        bidirectional: every level has a second reservoir that reads from the last step to the first.
        washout: first steps of a sequence that the read-out is not fitted to, and that ``pool`` leaves out; of a
            bidirectional network last steps too.
        pool: one answer for a sequence, from the mean of its states or the last; none: an answer at every step.
        beta: regularization of the read-out.
        trainable: optimizers see the weights of the reservoirs.
        output: the output unit, for training by gradients.

    Raises:
        ArgumentError: options that exclude each other, more links than units, or no level.

    Source: Lukosevicius (2012), equations 2 to 4 and 9; deep reservoirs: Gallicchio, Micheli and Pedrelli (2017);
    catalogue 199-202, 204. S4 prints W^out for W^fb (erratum 12).
    Departs from the paper: nowhere.
    """

    name = "echo-state-network"
    reference = "lukosevicius2012"
    returns_state = True

    def __init__(
        self,
        features: NonNegativeInt,
        classes: PositiveInt,
        units: PositiveInt | list[PositiveInt] = 300,
        leak: Annotated[float, Interval("(0, 1]")] = 0.3,
        spectral_radius: PositiveFloat = 0.9,
        input_scale: NonNegativeFloat = 0.5,
        bias_scale: NonNegativeFloat = 0.5,
        feedback_scale: NonNegativeFloat = 0.0,
        degree: PositiveInt | None = 10,
        distribution: Distribution = "uniform",
        bidirectional: bool = False,
        washout: NonNegativeInt = 100,
        pool: Literal["none", "mean", "last"] = "none",
        beta: NonNegativeFloat = 1e-8,
        trainable: bool = False,
        output: Literal["linear", "softmax", "sigmoid"] = "linear",
    ) -> None:
        super().__init__()
        self.features, self.classes, self.output = features, classes, output
        self.washout, self.pool, self.beta = washout, pool, beta
        self.bidirectional, self.feedback = bidirectional, feedback_scale > 0
        self.window = StateWindow(washout, pool, bidirectional)
        sizes = [units] if isinstance(units, int) else units
        self._check_options(sizes)
        below, cells = features + (classes if self.feedback else 0), []
        for size in sizes:
            cells.append(
                EchoState(below, size, leak, spectral_radius, input_scale, bias_scale, degree, distribution, trainable)
            )
            below = 2 * size if bidirectional else size
        if self.feedback:
            W_fb = cells[0].W.data[:, features:]
            W_fb.copy_(random_weights((sizes[0], classes), feedback_scale, distribution))
        self.reservoirs = ReservoirStack(cells, bidirectional)
        self.read_out = nn.Linear(features + self.reservoirs.units, classes)
        nn.init.zeros_(self.read_out.weight)
        nn.init.zeros_(self.read_out.bias)
        self.double()

    def _check_options(self, sizes: list[int]) -> None:
        if not sizes:
            raise ArgumentError("there is no reservoir", hint="give the units of each", path=("units",))
        if not self.features and not self.feedback:
            message = "a network without inputs and without output feedback hears nothing"
            raise ArgumentError(message, hint="give features, or a feedback_scale above 0", path=("features",))
        if self.feedback and self.bidirectional:
            message = "output feedback needs y(n-1), which a bidirectional network knows only at the end"
            raise ArgumentError(message, hint="leave one of the two out", path=("feedback_scale",))
        if self.feedback and self.pool != "none":
            message = "output feedback needs an answer at every step"
            raise ArgumentError(message, hint="set pool to none, or feedback_scale to 0", path=("pool",))

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        def batch(generator: torch.Generator) -> tuple[Tensor | None, ...]:
            lengths = torch.tensor([3, 6, 5, 6])
            return torch.randn(4, 6, 3, generator=generator, dtype=torch.float64), lengths

        small = {"features": 3, "classes": 2, "units": 7, "degree": 3, "washout": 0}
        return [
            SequenceExample({**small, "trainable": True}, batch),
            SequenceExample({**small, "units": [5, 4], "bidirectional": True, "pool": "mean"}, batch),
        ]

    def start(self, batch: int) -> EchoStates:
        """The state before the first step: zeros."""
        return EchoStates(self.reservoirs.start(batch), self.read_out.weight.new_zeros(batch, self.classes))

    def forward(
        self,
        x: Tensor,
        lengths: Lengths | None = None,
        state: EchoStates | None = None,
        teacher: Tensor | None = None,
    ) -> tuple[Tensor, EchoStates]:
        """Answer a batch of sequences.

        Args:
            x: u(n), (batch, time, features).
            lengths: steps of each row, in any order, 0 allowed; None: all.
            state: what went before, as a former call returned it; None: zeros.
            teacher: y(n) that output feedback hears in place of the network's own answers, (batch, time, classes).

        Returns:
            The answers (batch, time, classes), zero beyond a row's length, or (batch, classes) if pooled; and the state
            after each row's last step.

        Raises:
            InputError: shapes, lengths or a state that do not fit; a teacher without output feedback; a pooled answer
                to a row without steps after the wash-out.
        """
        dtype, fresh = x.dtype, state is None
        x, state, ends = self._taken(x, lengths, state)
        if self.feedback and teacher is None:
            answers, end = self._closed_loop(x, state, ends)
            return blank(answers, ends).to(dtype), end
        seen, states = self._seen(x, state, ends, teacher)
        if self.pool != "none":
            answers = self.read_out(self.window.pooled(seen, ends, fresh))
            return answers.to(dtype), EchoStates(states, answers)
        answers = blank(self.read_out(seen), ends)
        told = answers if teacher is None else teacher.to(answers)
        return answers.to(dtype), EchoStates(states, at_end(told, ends, state.y))

    def step(self, x: Tensor, state: EchoStates | None = None) -> tuple[Tensor, EchoStates]:
        """One answer (batch, classes) to u(n) (batch, features), for streaming; feedback hears the network's own.

        Raises:
            InputError: wrong shapes.
            ArgumentError: a bidirectional or pooled network, which must know the whole sequence.
        """
        self._check_steps()
        dtype = x.dtype
        x, state, _ = self._taken(x[:, None], None, state)
        x = x[:, 0]
        states = self.reservoirs.step(torch.cat([x, state.y], 1) if self.feedback else x, state.x)
        answer = self.read_out(torch.cat([x, *states], 1))
        return answer.to(dtype), EchoStates(states, answer)

    @torch.no_grad()
    def fit(self, x: Tensor, y: Tensor, lengths: Lengths | None = None) -> EchoStates:
        """Solve for the read-out, in one pass: the states of a part of the data are in memory at a time.

        Args:
            x: u(n), (batch, time, features).
            y: what to answer: (batch, time, classes), or classes by number (batch, time), int64; for a pooled network
                without the time. Output feedback hears it while the reservoir runs.
            lengths: steps of each row; None: all.

        Returns:
            The state after each row's last step, from which `generate` goes on.

        Raises:
            InputError: shapes that do not fit, NaN or infinite values, no step after the wash-out, or singular normal
                equations.
        """
        x, state, ends = self._taken(x, lengths, None)
        y = read_out_targets(y, x.shape[:2] if self.pool == "none" else x.shape[:1], self.classes, elsewhere=0).to(x)
        first, last = self.window.bounds(ends)
        if self.pool == "none" and not bool((last > first).any()):
            message = f"the longest of {len(x)} sequences has {int(ends.max()) if len(x) else 0} steps"
            raise InputError(message, hint=f"give more than the wash-out of {self.washout} steps, or lower it")
        if not bool(x.isfinite().all()):
            raise InputError("x holds NaN or infinite values", hint="remove or replace these samples first")
        equations, ends_x = NormalEquations(), [part.clone() for part in state.x]
        whole = self.bidirectional or self.pool != "none"
        for rows, steps in blocks(len(x), x.shape[1], self.read_out.in_features, whole):
            chunk, here = x[rows, steps], (ends[rows] - steps.start).clamp(0, steps.stop - steps.start)
            told = y[rows] if self.pool != "none" else y[rows, steps]
            now = EchoStates(tuple(part[rows] for part in ends_x), state.y[rows])
            if self.feedback and steps.start:
                now = EchoStates(now.x, y[rows, steps.start - 1])
            seen, states = self._seen(chunk, now, here, told if self.feedback else None)
            for part, values in zip(ends_x, states):
                part[rows] = values
            if self.pool == "none":
                chosen = between(first[rows], last[rows], steps)
                seen, told = seen[chosen], told[chosen]
            else:
                seen = self.window.pooled(seen, ends[rows], fresh=True)
            equations.add(F.pad(seen, (1, 0), value=1.0), told)
        W_out = equations.solve(self.beta).to(x)
        self.read_out.bias.copy_(W_out[:, 0])
        self.read_out.weight.copy_(W_out[:, 1:])
        if self.feedback:
            return EchoStates(tuple(ends_x), at_end(y, ends, state.y))
        if self.bidirectional or self.pool != "none":
            return EchoStates(tuple(ends_x), state.y)
        answers = self.read_out(torch.cat([at_end(x, ends, x.new_zeros(len(x), self.features)), *ends_x], 1))
        return EchoStates(tuple(ends_x), answers)

    @torch.no_grad()
    def generate(self, steps: NonNegativeInt, state: EchoStates, x: Tensor | None = None) -> tuple[Tensor, EchoStates]:
        """Run freely: without output feedback, every answer is the next input; with it, answers are fed back.

        Args:
            steps: how many answers.
            state: where to begin, as `fit` and `forward` return it.
            x: u(n) of a network with output feedback, (batch, steps, features); None where it has no inputs.

        Returns:
            The answers (batch, steps, classes), float64 or what the network was converted to, and the state at the end.

        Raises:
            ArgumentError: a network that cannot run freely: its answers are no inputs, or it needs whole sequences.
            InputError: inputs where there are none to give, or none where they are needed.
        """
        self._check_free(steps, x)
        own = self.read_out.weight
        batch = len(state.y)
        if x is None and self.feedback:
            x = own.new_zeros(batch, steps, 0)
        if x is not None:
            x, state, _ = self._taken(x, None, state)
        if self._runs_fast(state, x):
            return self.reservoirs.run_freely(steps, state, self.read_out, self.features, x)
        answers, inputs = [], None if x is None else x.unbind(1)
        for n in range(steps):
            answer, state = self.step(state.y if inputs is None else inputs[n], state)
            answers.append(answer)
        return torch.stack(answers, 1) if answers else own.new_zeros(batch, 0, self.classes), state

    def _check_steps(self) -> None:
        if self.bidirectional or self.pool != "none":
            option = "bidirectional" if self.bidirectional else "pool"
            message = "this network answers whole sequences and cannot run step by step"
            raise ArgumentError(message, hint=f"build it without '{option}'", path=(option,))

    def _check_free(self, steps: int, x: Tensor | None) -> None:
        self._check_steps()
        if not self.feedback and self.classes != self.features:
            message = f"{self.classes} answers cannot be the next {self.features} inputs"
            hint = "give as many classes as features, or a feedback_scale above 0"
            raise ArgumentError(message, hint=hint, path=("classes",))
        if not self.feedback and x is not None:
            raise InputError("this network hears its own answers as inputs", hint="leave x out, or call it with x")
        if self.feedback and self.features and (x is None or x.shape[1] != steps):
            given = "none" if x is None else str(x.shape[1])
            message = f"{steps} steps need as many inputs, given were {given}"
            raise InputError(message, hint=f"give x, (batch, {steps}, {self.features})")

    def _taken(self, x: Tensor, lengths: Lengths | None, state: EchoStates | None) -> tuple[Tensor, EchoStates, Tensor]:
        """Checked: ``x`` in the dtype of the weights and without padding, the state, and the end of each row."""
        if x.dim() != 3 or x.shape[2] != self.features:
            message = f"x has the shape {tuple(x.shape)}"
            raise InputError(message, hint=f"give (batch, time, features) with {self.features} features")
        ends = row_ends(lengths, x.shape[0], x.shape[1], x.device)
        start = self.start(len(x))
        if state is None:
            state = start
        elif [part.shape for part in (*state.x, state.y)] != [part.shape for part in (*start.x, start.y)]:
            message = "the state is not one of this network for this batch"
            raise InputError(message, hint="give the state that a former call returned for as many rows")
        return blank(x.to(self.read_out.weight.dtype), ends), state, ends

    def _seen(
        self, x: Tensor, state: EchoStates, ends: Tensor, teacher: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """[u(n); x(n)] of all levels, (batch, time, features + units), and the states at the end."""
        below = x
        if teacher is not None:
            if not self.feedback or teacher.shape != (*x.shape[:2], self.classes):
                message = f"a teacher of the shape {tuple(teacher.shape)}"
                hint = f"give (batch, time, {self.classes}), and only to a network with output feedback"
                raise InputError(message, hint=hint)
            before = torch.cat([state.y[:, None], teacher.to(x)[:, :-1]], 1)[:, : x.shape[1]]
            below = blank(torch.cat([x, before], 2), ends)
        states, end = self.reservoirs(below, state.x, ends)
        return torch.cat([x, states], 2), end

    def _closed_loop(self, x: Tensor, state: EchoStates, ends: Tensor) -> tuple[Tensor, EchoStates]:
        """All answers of a network that hears its own."""
        if self._runs_fast(state, x) and bool((ends == x.shape[1]).all()):
            return self.reservoirs.run_freely(x.shape[1], state, self.read_out, self.features, x)
        answers = []
        for x_t, moves in zip(x.unbind(1), inside(ends, x.shape[1]).unbind(1)):
            answer, after = self.step(x_t, state)
            kept = [torch.where(moves[:, None], new, old) for new, old in zip((*after.x, after.y), (*state.x, state.y))]
            state = EchoStates(tuple(kept[:-1]), kept[-1])
            answers.append(answer)
        return torch.stack(answers, 1) if answers else x.new_zeros(len(x), 0, self.classes), state

    def _runs_fast(self, state: EchoStates, x: Tensor | None) -> bool:
        given = () if x is None else (x,)
        return self.reservoirs.may_leave_torch(*given, *state.x, state.y, *self.read_out.parameters())
