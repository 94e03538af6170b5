"""Echo states, Lyapunov exponents and memory, where they are known on paper."""

from __future__ import annotations

import math

import numpy
import pytest
import torch

from gatefield.core.errors import ArgumentError, InputError
from gatefield.functional.reservoir_drive import Reservoir
from gatefield.models.reservoir.diagnosis import (
    autonomous_regime,
    echo_state_index,
    horizon_error,
    largest_lyapunov_exponent,
    memory_capacity,
)
from gatefield.recurrent.cells.echo_state import EchoState


def reservoir(radius: float, units: int = 100, seed: int = 0, **options) -> Reservoir:
    torch.manual_seed(seed)
    return EchoState(1, units, spectral_radius=radius, **{"leak": 1.0, "bias_scale": 0.0} | options).reservoir()


def of(W, leak: float = 1.0, bias=0.0) -> Reservoir:
    W = numpy.array(W, dtype=float)
    return Reservoir(numpy.zeros((len(W), 1)), numpy.zeros(len(W)) + bias, W, leak)


@pytest.mark.parametrize("leak", [1.0, 0.3])
@pytest.mark.parametrize("radius", [0.5, 0.9])
def test_exponent_at_rest_is_that_of_the_linear_map(radius, leak):
    """At x = 0 the Jacobian is (1 - a) I + a W, and the exponent is the logarithm of its spectral radius."""
    rest = reservoir(radius, leak=leak)
    jacobian = (1 - leak) * numpy.eye(100) + leak * rest.W.toarray()
    expected = math.log(numpy.abs(numpy.linalg.eigvals(jacobian)).max())
    found = largest_lyapunov_exponent(rest, numpy.zeros((4000, 1)), 200, x=numpy.zeros(100))
    assert found == pytest.approx(expected, abs=0.004)


def test_exponent_is_the_rate_at_which_neighbors_part():
    chaotic = reservoir(2.5)
    u = numpy.zeros((3000, 1))
    exponent = largest_lyapunov_exponent(chaotic, u, 500)
    x = numpy.random.default_rng(0).uniform(-1, 1, (100, 1))
    start = chaotic.drive(u[:500, :, None], x)[-1]
    other = start + 1e-9 * numpy.random.default_rng(1).standard_normal((100, 1))
    both = chaotic.drive(numpy.zeros((120, 1, 2)), numpy.concatenate([start, other], 1))
    gaps = numpy.log(numpy.linalg.norm(both[:, :, 0] - both[:, :, 1], axis=1))
    steps = numpy.flatnonzero(gaps < math.log(1e-3))
    slope = numpy.polyfit(steps[5:], gaps[steps[5:]], 1)[0]
    assert exponent > 0.05
    assert slope == pytest.approx(exponent, rel=0.5)


def test_index_is_zero_where_states_are_forgotten():
    u = numpy.random.default_rng(0).uniform(-0.1, 0.1, (600, 1))
    forgets, distances = echo_state_index(reservoir(0.8), u, transient=300)
    assert forgets < 1e-12
    assert (distances[0] > 0.1).all()
    assert echo_state_index(reservoir(2.5), u, transient=300)[0] > 0.1


def test_regimes():
    """A contraction, a flip-flop, a rotation by a fifth of a turn, and strong random weights."""
    fixed = autonomous_regime(of([[0.5, 0.0], [0.0, 0.5]]))
    assert (fixed.name, fixed.attractors) == ("fixed point", 1)
    several = autonomous_regime(of([[2.0, 0.0], [0.0, 2.0]]), starts=12)
    assert several.name == "several fixed points"
    assert 2 <= several.attractors <= 4
    # x = tanh(2 x)
    assert numpy.abs(several.orbit[-1]) == pytest.approx([0.95750, 0.95750], abs=1e-4)
    flip = autonomous_regime(of([[-2.0]]))
    assert (flip.name, flip.period) == ("periodic", 2)
    chaotic = autonomous_regime(reservoir(2.5))
    assert chaotic.name == "chaotic"
    assert chaotic.exponent > 0.05
    assert autonomous_regime(reservoir(0.9)).name == "fixed point"


def test_memory_of_a_delay_line_is_its_length():
    """A shift register in its linear range remembers exactly as many inputs as it has units (Jaeger 2001)."""
    W = numpy.diag(numpy.ones(11), -1)
    line = Reservoir(0.01 * numpy.eye(12)[:, :1], numpy.zeros(12), W, 1.0)
    capacity, shares = memory_capacity(line, delays=30, steps=4000)
    assert shares[:11] == pytest.approx(numpy.ones(11), abs=1e-3)
    assert shares[12:].max() < 0.02
    assert capacity == pytest.approx(11, abs=0.3)  # its first unit holds the present input, which is no memory


def test_memory_peaks_near_the_edge():
    """Claim 16."""
    radii = (0.2, 0.6, 0.95, 1.6)
    capacities = [memory_capacity(reservoir(r, units=50, input_scale=0.05), delays=80)[0] for r in radii]
    assert capacities.index(max(capacities)) == 2
    assert max(capacities) <= 50 + 1


def test_horizon_error_of_a_known_error():
    class Shifted:
        """Says the truth of a ramp, and 0.1 more."""

        def __call__(self, x):
            return None, _Answer(x[:, -1] + 1)

        def generate(self, steps, state):
            return None, _Answer(state.y + steps + 0.1)

    class _Answer:
        def __init__(self, y):
            self.y = y

    ramp = torch.arange(400.0, dtype=torch.float64)[:, None]
    spread = float(ramp.std(correction=0))
    assert horizon_error(Shifted(), ramp, 20, 10, 50) == pytest.approx(0.1 / spread)


def test_bad_input():
    some = reservoir(0.9)
    short = numpy.zeros((50, 1))
    for call in (
        lambda: echo_state_index(some, short),
        lambda: largest_lyapunov_exponent(some, short),
        lambda: horizon_error(None, torch.rand(100, 1)),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.hint
    with pytest.raises(ArgumentError, match="delays"):
        memory_capacity(some, delays=2000)
    with pytest.raises(ArgumentError, match="2 inputs"):
        memory_capacity(Reservoir(numpy.zeros((3, 2)), numpy.zeros(3), numpy.eye(3), 1.0))
