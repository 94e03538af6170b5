"""Forecasts by an echo state network: a reservoir reads the past, a read-out that is solved for tells the future."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import Interval, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from ...core.errors import ArgumentError, InputError
from ...functional.lengths import blank, row_ends
from ...functional.reservoir_weights import Distribution
from ...functional.ridge import NormalEquations
from ...recurrent.cells.echo_state import EchoState
from ..model import Model, SequenceExample
from ..reservoir_stack import ReservoirStack, States, at_end

Lengths = Sequence[int] | Tensor
Level = Annotated[float, Interval("(0, 1)")]
Windows = tuple[tuple[Tensor, ...], Tensor]
#: The regularizations to choose from.
BETAS = [10.0**power for power in range(-8, 5)]


class EchoStateForecaster(Model):
    """A window of the past drives a random reservoir; ridge regression on where it ends forecasts what follows.

        x(n) = reservoir([y(n), z(n)], x(n-1)),   n = 1 .. T,   x(0) = 0            (2), (3) of `EchoState`
        direct      [y(T+1) .. y(T+H)] = W [1; y(T), z(T); x(T); z(T+1) .. z(T+H)]
        recursive   y(n+1) = W [1; y(n), z(n); x(n); z(n+1)],   n = T .. T+H-1, on its own y
        W = Y X^T (X X^T + beta I)^{-1}                                             (9)

    y are the series, z covariates that are known ahead. A recursive read-out is fitted to the H steps that follow each
    window, every one from the true values before it. `fit` finds W in one pass: no gradient is followed. It computes in
    float64 and answers in the dtype of its input.

    Args:
        series: how many series are forecast.
        horizon: H, steps.
        covariates: how many are known ahead.
        quantiles: [0.5]: a read-out by least squares forecasts a mean, and no other level.
        units: of the reservoir; a list for a deep one, from the input up.
        strategy: how the future is written.
        leak: a, in (0, 1].
        spectral_radius: of W of the reservoir.
        input_scale: of the weights by which it hears its input.
        bias_scale: of its biases.
        degree: links into each unit from its own reservoir; None: all to all.
        distribution: of all weights.
        beta: regularization of the read-out; None: of 1e-8, 1e-7 .. 1e4 the one with the smallest error on held-out
            windows.

    Raises:
        ArgumentError: levels other than the median, no reservoir, or more links than units.

    Source: Lukosevicius (2012), equations 2 to 4 and 9, sections 4.2 and 6; catalogue 199, 200, 225. Departs from the
    paper: the reservoir begins at zero in every window, which is its wash-out.
    """

    name = "echo-state-forecaster"
    reference = "lukosevicius2012"
    output = "quantiles"

    def __init__(
        self,
        series: PositiveInt,
        horizon: PositiveInt,
        covariates: NonNegativeInt,
        quantiles: Sequence[Level],
        units: PositiveInt | list[PositiveInt] = 300,
        strategy: Literal["direct", "recursive"] = "direct",
        leak: Annotated[float, Interval("(0, 1]")] = 0.3,
        spectral_radius: PositiveFloat = 0.9,
        input_scale: NonNegativeFloat = 0.5,
        bias_scale: NonNegativeFloat = 0.5,
        degree: PositiveInt | None = 10,
        distribution: Distribution = "uniform",
        beta: NonNegativeFloat | None = None,
    ) -> None:
        super().__init__()
        if list(quantiles) != [0.5]:
            message = f"least squares forecast a mean, not the levels {list(quantiles)}"
            raise ArgumentError(message, hint="set interval to conformal or bootstrap", path=("quantiles",))
        self.series, self.horizon, self.covariates, self.strategy = series, horizon, covariates, strategy
        self.beta = beta
        sizes = [units] if isinstance(units, int) else units
        if not sizes:
            raise ArgumentError("there is no reservoir", hint="give the units of each", path=("units",))
        below, cells = series + covariates, []
        for size in sizes:
            cells.append(EchoState(below, size, leak, spectral_radius, input_scale, bias_scale, degree, distribution))
            below = size
        self.reservoirs = ReservoirStack(cells)
        steps = horizon if strategy == "direct" else 1
        known = series + covariates + self.reservoirs.units + steps * covariates
        self.read_out = nn.Linear(known, steps * series)
        nn.init.zeros_(self.read_out.weight)
        nn.init.zeros_(self.read_out.bias)
        self.double()

    @classmethod
    def sequence_examples(cls) -> list[SequenceExample]:
        def batch(generator: torch.Generator) -> tuple[Tensor | None, ...]:
            x = torch.randn(4, 6, 3, generator=generator)
            return x, torch.tensor([4, 6, 1, 3]), torch.randn(4, 3, 1, generator=generator)

        small = {"series": 2, "horizon": 3, "covariates": 1, "quantiles": [0.5], "units": 7, "degree": 3}
        return [
            SequenceExample(small, batch),
            SequenceExample({**small, "units": [5, 4], "strategy": "recursive"}, batch),
        ]

    def forward(self, x: Tensor, lengths: Lengths | None = None, future: Tensor | None = None) -> Tensor:
        """Forecast the steps after the last one of each row.

        Args:
            x: (batch, time, series + covariates): the values, and the covariates of the same steps.
            lengths: steps of each row, in any order, 0 allowed; None: all.
            future: (batch, horizon, covariates); None where there are none.

        Returns:
            (batch, horizon, series, 1)

        Raises:
            InputError: shapes or lengths that do not fit.
        """
        return self._answer(*self._read(x, lengths, future)).unsqueeze(3).to(x.dtype)

    def _answer(self, u: Tensor, state: States, future: Tensor) -> Tensor:
        """(batch, horizon, series) from the last step, the states after it and the covariates ahead."""
        if self.strategy == "direct":
            answers = self.read_out(torch.cat([u, *state, future.flatten(1)], 1))
            return answers.view(len(u), self.horizon, self.series)
        steps = []
        for z in future.unbind(1):
            steps.append(self.read_out(torch.cat([u, *state, z], 1)))
            u = torch.cat([steps[-1], z], 1)
            state = self.reservoirs.step(u, state)
        return torch.stack(steps, 1)

    @torch.no_grad()
    def fit(self, windows: Iterable[Windows], held_out: Collection[Windows] = ()) -> float:
        """Solve for the read-out, in one pass over batches of windows.

        Args:
            windows: batches of the arguments of `forward` and what follows, (batch, horizon, series).
            held_out: likewise, to choose beta by.

        Returns:
            beta.

        Raises:
            InputError: no windows, none held out to choose beta by, NaN or infinite values, shapes that do not fit, or
                singular normal equations.
        """
        if self.beta is None and not held_out:
            raise InputError("there are no held-out windows to choose beta by", hint="hold some out, or set beta")
        equations = NormalEquations()
        for inputs, targets in windows:
            for seen, wanted in self._samples(inputs, targets):
                equations.add(F.pad(seen, (1, 0), value=1.0), wanted.to(seen))
        beta = self.beta
        if beta is None:
            read, errors = [(self._read(*inputs), targets) for inputs, targets in held_out], {}
            for candidate in BETAS:
                self._take(equations.solve(candidate))
                wrong = sum(float((self._answer(*past) - targets).abs().sum()) for past, targets in read)
                errors[candidate] = wrong if math.isfinite(wrong) else math.inf
            beta = min(errors, key=errors.__getitem__)
        self._take(equations.solve(beta))
        return beta

    def _samples(self, inputs: tuple[Tensor, ...], targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """What the read-out sees, without the constant, and what it should answer."""
        u, state, future = self._read(*inputs)
        if self.strategy == "direct":
            yield torch.cat([u, *state, future.flatten(1)], 1), targets.flatten(1)
            return
        for y, z in zip(targets.to(u).unbind(1), future.unbind(1), strict=True):
            yield torch.cat([u, *state, z], 1), y
            u = torch.cat([y, z], 1)
            state = self.reservoirs.step(u, state)

    def _take(self, W: Tensor) -> None:
        self.read_out.bias.copy_(W[:, 0])
        self.read_out.weight.copy_(W[:, 1:])

    def _read(
        self, x: Tensor, lengths: Lengths | None = None, future: Tensor | None = None
    ) -> tuple[Tensor, States, Tensor]:
        """The last step of each row, the states after it, and the covariates ahead."""
        features = self.series + self.covariates
        if x.dim() != 3 or x.shape[2] != features or not x.is_floating_point():
            message = f"x is {x.dtype} of the shape {tuple(x.shape)}"
            raise InputError(message, hint=f"give real numbers (batch, time, {features})")
        wanted = (len(x), self.horizon, self.covariates)
        if future is None and not self.covariates:
            future = x.new_zeros(wanted)
        if future is None or tuple(future.shape) != wanted:
            given = "not given" if future is None else f"of the shape {tuple(future.shape)}"
            hint = f"give (batch, {self.horizon}, {self.covariates})"
            raise InputError(f"the covariates of the future are {given}", hint=hint)
        own = self.read_out.weight
        ends = row_ends(lengths, len(x), x.shape[1], x.device)
        u = blank(x.to(own), ends)
        _, state = self.reservoirs(u, self.reservoirs.start(len(x)), ends)
        return at_end(u, ends, u.new_zeros(len(u), features)), state, future.to(own)
