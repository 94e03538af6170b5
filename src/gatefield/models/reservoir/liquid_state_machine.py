"""The liquid state machine: a reservoir of spiking neurons with dynamic synapses, and a linear read-out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.arguments import Interval, NonNegativeFloat, PositiveFloat, PositiveInt
from ...core.errors import ArgumentError, InputError
from ...functional.ridge import ridge
from ..model import Model, ModelExample
from ..read_out_targets import read_out_targets

# Maass, Natschlaeger and Markram (2002), section 3; rows are the sending neuron, columns the one that hears: E, I.
CHANCE = ((0.3, 0.2), (0.4, 0.1))  # C
WEIGHT = ((30.0, 60.0), (-19.0, -19.0))  # A, nA
UTILIZATION = ((0.5, 0.05), (0.25, 0.32))  # U
DEPRESSION = ((1100.0, 125.0), (700.0, 144.0))  # D, ms
FACILITATION = ((50.0, 1200.0), (20.0, 60.0))  # F, ms
DELAY = ((1.5, 0.8), (0.8, 0.8))  # ms
INPUT_WEIGHT = (18.0, 9.0)  # nA
SYNAPSE_TIME = (3.0, 6.0)  # ms, of currents from E and from I
REFRACTORY = (3.0, 2.0)  # ms
MEMBRANE_TIME, THRESHOLD, RESET = 30.0, 15.0, 13.5  # ms, mV, mV
RESISTANCE, BACKGROUND = 1.0, 13.5  # MOhm, nA


class LiquidStateMachine(Model):
    """Liquid state machine: leaky integrate-and-fire neurons on a grid, near ones linked more often than distant ones.

        P(link from a to b) = C exp(-(D(a, b) / lambda)^2)
        tau dV/dt = -V + R (I_syn + I_background),   V = V_reset after V > threshold, and for a refractory time

    The strength of a synapse depends on the times between the spikes it carries (Markram, Wang and Tsodyks 1998):

        u_k = U + u_{k-1} (1 - U) exp(-Delta_k / F)
        R_k = 1 + (R_{k-1} - u_{k-1} R_{k-1} - 1) exp(-Delta_k / D)
        the k-th spike adds A u_k R_k to a current that decays in 3 ms (from excitatory neurons) or 6 ms

    What a read-out sees is each neuron's spikes, filtered by exp(-t / read_out_time).

    Args:
        channels: of the input spikes.
        classes: numbers of an answer.
        grid: neurons along each axis of the column.
        wiring: lambda, in distances of neighbors; 0 would link nobody.
        inhibitory: share of inhibitory neurons.
        input_chance: probability that an input channel meets a neuron.
        weight_scale: factor on all weights.
        dt: time step, ms; delays are rounded up to it.
        read_out_time: of the filter, ms.
        beta: regularization of the read-out.
        output: the output unit, for training the read-out by gradients.

    Raises:
        ArgumentError: no neurons.

    Source: Maass, Natschlaeger and Markram (2002), sections 3 and 4; catalogue 205. Departs from the paper: synapses
    of the input are static; membrane noise is left out; A, U, D and F are drawn from gamma distributions, where the
    paper draws U, D and F from normal ones and repairs negative values.
    """

    name = "liquid-state-machine"
    reference = "maass2002"

    types: Tensor  # of each neuron: 0 excitatory, 1 inhibitory
    pre: Tensor  # of each synapse: the neuron that sends
    post: Tensor  # and the one that hears
    A: Tensor
    U: Tensor
    D: Tensor
    F: Tensor
    delay: Tensor  # in steps
    W_in: Tensor
    V_first: Tensor

    def __init__(
        self,
        channels: PositiveInt,
        classes: PositiveInt,
        grid: tuple[PositiveInt, ...] = (3, 3, 15),
        wiring: PositiveFloat = 2.0,
        inhibitory: Annotated[float, Interval("[0, 1]")] = 0.2,
        input_chance: Annotated[float, Interval("(0, 1]")] = 0.3,
        weight_scale: PositiveFloat = 1.0,
        dt: PositiveFloat = 1.0,
        read_out_time: PositiveFloat = 30.0,
        beta: NonNegativeFloat = 1e-3,
        output: Literal["softmax", "sigmoid", "linear"] = "softmax",
    ) -> None:
        super().__init__()
        if not grid:
            raise ArgumentError("the grid has no axes", hint="give neurons along each, [3, 3, 15]", path=("grid",))
        self.channels, self.dt, self.read_out_time = channels, dt, read_out_time
        self.beta, self.output = beta, output
        place = torch.cartesian_prod(*(torch.arange(float(side)) for side in grid)).reshape(-1, len(grid))
        kind = (torch.rand(len(place)) < inhibitory).long()
        distance = torch.cdist(place, place)
        chance = _of(CHANCE, kind[:, None], kind) * torch.exp(-((distance / wiring) ** 2))
        linked = torch.rand(chance.shape) < chance.fill_diagonal_(0)
        pre, post = linked.nonzero(as_tuple=True)  # sorted by pre
        of = kind[pre], kind[post]
        met = torch.rand(channels, len(kind)) < input_chance
        drawn = {
            "types": kind,
            "pre": pre,
            "post": post,
            "A": weight_scale * _gamma(_of(WEIGHT, *of), 1.0),
            "U": _gamma(_of(UTILIZATION, *of), 0.5).clamp(max=1.0),
            "D": _gamma(_of(DEPRESSION, *of), 0.5),
            "F": _gamma(_of(FACILITATION, *of), 0.5),
            "delay": torch.ceil(_of(DELAY, *of) / dt).long(),
            "W_in": weight_scale * met * _gamma(torch.tensor(INPUT_WEIGHT)[kind].expand(channels, -1), 1.0),
            "V_first": RESET + (THRESHOLD - RESET) * torch.rand(len(kind)),
        }
        for name, values in drawn.items():
            self.register_buffer(name, values)
        self.read_out = nn.Linear(len(kind), classes)
        nn.init.zeros_(self.read_out.weight)
        nn.init.zeros_(self.read_out.bias)

    @classmethod
    def examples(cls) -> list[ModelExample]:
        return [ModelExample({"channels": 2, "classes": 3, "grid": [2, 2, 3]})]

    def forward(self, spikes: Tensor) -> Tensor:
        """The answer at the end of each row, (batch, classes); ``spikes`` are (batch, time, channels)."""
        return self.read_out(self.liquid(spikes)[0])

    @torch.no_grad()
    def fit(self, spikes: Tensor, y: Tensor) -> None:
        """Solve for the read-out at the end of each row.

        Args:
            spikes: (batch, time, channels).
            y: (batch, classes), or classes by number (batch,), int64: they become +1 and -1.

        Raises:
            InputError: shapes that do not fit, values other than 0 and 1, or singular normal equations.
        """
        y = read_out_targets(y, spikes.shape[:1], self.read_out.out_features, elsewhere=-1)
        W = ridge(F.pad(self.liquid(spikes)[0], (1, 0), value=1.0), y, self.beta).to(self.read_out.weight)
        self.read_out.bias.copy_(W[:, 0])
        self.read_out.weight.copy_(W[:, 1:])

    @torch.no_grad()
    def liquid(self, spikes: Tensor) -> tuple[Tensor, Tensor]:
        """What the liquid makes of ``spikes`` (batch, time, channels).

        Returns:
            The liquid state at the end, (batch, neurons), and all spikes of its neurons, (batch, time, neurons).

        Raises:
            InputError: another shape, or values other than 0 and 1.
        """
        if spikes.dim() != 3 or spikes.shape[2] != self.channels:
            message = f"spikes have the shape {tuple(spikes.shape)}"
            raise InputError(message, hint=f"give (batch, time, {self.channels})")
        if not bool(((spikes == 0) | (spikes == 1)).all()):
            hint = "give 0 and 1: functional.spike_encoding makes them of numbers"
            raise InputError("spikes hold values other than 0 and 1", hint=hint)
        spikes, fade = spikes.to(self.W_in), math.exp(-self.dt / self.read_out_time)
        state, fired = spikes.new_zeros(len(spikes), len(self.types)), []
        for now in self._run(spikes):
            state = fade * state + now
            fired.append(now)
        return state, torch.stack(fired, 1) if fired else state.new_zeros(len(state), 0, state.shape[1])

    def _run(self, spikes: Tensor) -> Iterator[Tensor]:
        """The spikes of all neurons, (batch, neurons), step by step."""
        batch, neurons = len(spikes), len(self.types)
        fade_V = math.exp(-self.dt / MEMBRANE_TIME)
        fade_I = spikes.new_tensor([math.exp(-self.dt / time) for time in SYNAPSE_TIME])[:, None, None]
        refractory = spikes.new_tensor(REFRACTORY)[self.types]
        V = self.V_first.expand(batch, -1)
        I = spikes.new_zeros(2, batch, neurons)  # noqa: E741 (the letter of the paper), from E and from I
        rests = spikes.new_zeros(batch, neurons)  # ms of refractory time left
        synapses = _Synapses(self, batch)
        past = [spikes.new_zeros(batch, neurons) for _ in range(int(self.delay.max()) if len(self.pre) else 1)]
        received = spikes @ self.W_in
        for t in range(spikes.shape[1]):
            I = fade_I * I  # noqa: E741
            synapses.carry(past, t, I)
            I[0] += received[:, t]
            V_inf = RESISTANCE * (I.sum(0) + BACKGROUND)
            V = torch.where(rests > 0, RESET, V_inf + (V - V_inf) * fade_V)
            fired = V > THRESHOLD
            rests = torch.where(fired, refractory, (rests - self.dt).clamp(min=0))
            V = torch.where(fired, RESET, V)
            now = fired.to(spikes)
            past = [now, *past[:-1]]
            yield now


class _Synapses:
    """The short-term memory of all synapses: u and R at the last spike of each, and when it was.

    Only what a spike reaches is computed.
    """

    def __init__(self, machine: LiquidStateMachine, batch: int) -> None:
        self.machine = machine
        self.u = machine.A.new_zeros(batch, len(machine.A))
        self.R = torch.ones_like(self.u)
        self.last = torch.zeros_like(self.u)
        # for each delay its synapses sorted by sender, and how many each neuron has
        self.tables = []
        for delay in machine.delay.unique().tolist():
            members = (machine.delay == delay).nonzero().flatten()
            counts = torch.bincount(machine.pre[members], minlength=len(machine.types))
            self.tables.append((delay, members, counts, counts.cumsum(0) - counts))

    def carry(self, past: list[Tensor], t: int, I: Tensor) -> None:  # noqa: E741
        """Add to the currents I (2, batch, neurons) what arrives at step t of ``past``, latest first."""
        m = self.machine
        for delay, members, counts, starts in self.tables:
            row, sender = past[delay - 1].nonzero(as_tuple=True)
            count = counts[sender]
            row, first = row.repeat_interleave(count), (starts[sender] - count.cumsum(0) + count)
            s = members[first.repeat_interleave(count) + torch.arange(len(row), device=row.device)]
            since, u, R = t * m.dt - self.last[row, s], self.u[row, s], self.R[row, s]
            R = 1 + (R - u * R - 1) * torch.exp(-since / m.D[s])
            u = m.U[s] + u * (1 - m.U[s]) * torch.exp(-since / m.F[s])
            self.u[row, s], self.R[row, s], self.last[row, s] = u, R, torch.full_like(u, t * m.dt)
            I.index_put_((m.types[m.pre[s]], row, m.post[s]), m.A[s] * u * R, accumulate=True)


def _of(table: tuple[tuple[float, float], tuple[float, float]], pre: Tensor, post: Tensor) -> Tensor:
    return torch.tensor(table)[pre, post]


def _gamma(mean: Tensor, spread: float) -> Tensor:
    """Gamma variates with ``mean``, whose sign they keep, and a standard deviation of ``spread`` times it."""
    shape = torch.full_like(mean, 1 / spread**2)
    return mean * torch.distributions.Gamma(shape, shape).sample()
