"""The liquid state machine: its neurons and synapses against their equations, and what its liquid keeps apart."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
import torch.nn.functional as F

from gatefield.core.errors import ArgumentError, InputError
from gatefield.functional.ridge import ridge
from gatefield.functional.spike_encoding import jittered, poisson_spikes, threshold_spikes
from gatefield.models.reservoir.liquid_state_machine import LiquidStateMachine


def build(seed: int = 0, **arguments) -> LiquidStateMachine:
    torch.manual_seed(seed)
    return LiquidStateMachine(**{"channels": 2, "classes": 2, "grid": [2, 2, 3]} | arguments)


def reference(machine: LiquidStateMachine, spikes: numpy.ndarray) -> numpy.ndarray:
    """One row, neuron by neuron and synapse by synapse, in NumPy: the spikes (time, neurons)."""
    w = {key: value.numpy().astype(float) for key, value in machine.state_dict().items()}
    kind, pre, post = (w[key].astype(int) for key in ("types", "pre", "post"))
    neurons, dt = len(kind), machine.dt
    V, rests, current = w["V_first"].copy(), numpy.zeros(neurons), numpy.zeros((2, neurons))
    u, R, last = numpy.zeros(len(pre)), numpy.ones(len(pre)), numpy.zeros(len(pre))
    fired = numpy.zeros((len(spikes), neurons))
    for t in range(len(spikes)):
        current *= numpy.exp(-dt / numpy.array([[3.0], [6.0]]))
        for s in range(len(pre)):
            sent = t - int(w["delay"][s])
            if sent >= 0 and fired[sent, pre[s]]:
                since = t * dt - last[s]
                R[s] = 1 + (R[s] - u[s] * R[s] - 1) * math.exp(-since / w["D"][s])
                u[s] = w["U"][s] + u[s] * (1 - w["U"][s]) * math.exp(-since / w["F"][s])
                last[s] = t * dt
                current[kind[pre[s]], post[s]] += w["A"][s] * u[s] * R[s]
        current[0] += spikes[t] @ w["W_in"]
        for n in range(neurons):
            if rests[n] > 0:
                V[n], rests[n] = 13.5, max(rests[n] - dt, 0)
                continue
            toward = current[:, n].sum() + 13.5
            V[n] = toward + (V[n] - toward) * math.exp(-dt / 30)
            if V[n] > 15:
                fired[t, n], V[n], rests[n] = 1, 13.5, [3.0, 2.0][kind[n]]
    return fired


@pytest.mark.parametrize("dt", [1.0, 0.5])
def test_is_its_equations(dt):
    machine = build(seed=3, dt=dt, inhibitory=0.4).double()
    spikes = poisson_spikes(torch.full((3, 120, 2), 60.0), generator=torch.Generator().manual_seed(0))
    state, fired = machine.liquid(spikes)
    assert fired.sum() > 50
    for row in range(3):
        expected = reference(machine, spikes[row].numpy())
        assert (fired[row].numpy() == expected).all()
        weights = numpy.exp(-dt / 30 * numpy.arange(119, -1, -1))
        assert numpy.abs(state[row].numpy() - weights @ expected).max() < 1e-4


def test_a_synapse_depresses_or_facilitates():
    """Markram, Wang and Tsodyks (1998): amplitudes of regular spikes settle at U' R' of the equations' fixed point."""
    U, D, Fac, gap = 0.5, 1100.0, 50.0, 50.0
    u_fix = U / (1 - (1 - U) * math.exp(-gap / Fac))
    R_fix = (1 - math.exp(-gap / D)) / (1 - (1 - u_fix) * math.exp(-gap / D))
    machine = build(seed=0, grid=[2, 1, 1], inhibitory=0.0, wiring=100.0)
    for name, value in {"U": U, "D": D, "F": Fac, "A": 1.0}.items():
        machine.state_dict()[name].fill_(value)
    if not len(machine.pre):
        pytest.fail("the two neurons are not linked")
    from gatefield.models.reservoir.liquid_state_machine import _Synapses

    synapses, silent, spike = _Synapses(machine, 1), torch.zeros(1, 2), torch.ones(1, 2)
    amplitudes = []
    for t in range(0, 5000, 50):
        current = torch.zeros(2, 1, 2)
        synapses.carry([silent if delay else spike for delay in (1, 0)], t, current)
        amplitudes.append(current[0, 0].max().item())
    assert amplitudes[0] == pytest.approx(U, rel=1e-5)
    assert amplitudes[-1] == pytest.approx(u_fix * R_fix, rel=1e-4)
    assert amplitudes[0] > amplitudes[1] > amplitudes[-1]


def test_near_neurons_are_linked_more_often():
    """The share of linked pairs of excitatory neurons at distance d is 0.3 exp(-(d / 2)^2)."""
    machine = build(grid=[12, 12, 12], inhibitory=0.0)
    place = torch.cartesian_prod(*(torch.arange(12.0),) * 3)
    distance = torch.cdist(place, place)
    linked = torch.zeros_like(distance)
    linked[machine.pre, machine.post] = 1
    assert not linked.diagonal().any()
    for d in (1.0, 2.0**0.5, 2.0, 3.0):
        pairs = linked[(distance - d).abs() < 1e-3]
        chance = 0.3 * math.exp(-((d / 2) ** 2))
        assert pairs.mean().item() == pytest.approx(chance, abs=5 * math.sqrt(chance / len(pairs)))


def test_a_lone_neuron_stays_below_its_threshold():
    """Without input, V settles at R I_background = 13.5 mV < 15 mV: silence, and finite without any synapse."""
    machine = build(grid=[1])
    state, fired = machine.liquid(torch.zeros(2, 50, 2))
    assert not fired[:, 5:].any()
    assert state.isfinite().all()


@pytest.mark.slow
def test_separates_jittered_templates_in_a_stream_where_no_read_out_of_raw_spikes_does():
    """Claim 19. Four spikes in every 100 ms, in a burst or evenly, jittered, heard for 250 ms from any moment on.

    As the stream has no beginning, a spike is as likely at each moment under either template: the two differ in nothing
    that is linear in raw spikes, neither in all 250 ms of them nor behind the filter of liquid states, but in the few
    spikes of a burst that meet in one millisecond and are one. In 30 draws the liquid reaches 96.5 to 100 %, read-outs
    of raw spikes 39 to 63 %.
    """
    burst, even = torch.zeros(100, 1), torch.zeros(100, 1)
    burst[:16:4] = even[::25] = 1
    with_liquid, of_all_bins, filtered = [], [], []
    for seed in range(10):
        source = torch.Generator().manual_seed(seed)
        spikes = torch.cat([_overheard(template, 300, 250, source) for template in (burst, even)])
        labels = torch.arange(2).repeat_interleave(300)
        machine = build(seed, channels=1, grid=[3, 3, 15])
        train = torch.arange(600) % 3 > 0
        machine.fit(spikes[train], labels[train])
        with_liquid.append((machine(spikes[~train]).argmax(1) == labels[~train]).double().mean().item())
        for beta in (1e-3, 1e-1, 10.0):
            of_all_bins.append(_accuracy_of_a_read_out(spikes.flatten(1), labels, train, beta))
            filtered.append(_accuracy_of_a_read_out(_filtered(spikes), labels, train, beta))
    assert min(with_liquid) >= 0.95
    assert max(of_all_bins) < 0.75
    assert max(filtered) < 0.75


@pytest.mark.slow
def test_separates_jittered_templates_that_a_read_out_of_raw_spikes_does_not():
    """Claim 19, from the beginning of the templates on: two with equal spike counts, one the other backward, followed
    by 50 ms that they share.

    What is compared with is a read-out of the input behind the same filter, which has no more memory than the liquid's;
    one that sees the raw spikes of all 250 ms at once tells them apart in every draw (98 to 100 %), as would one who
    knows both templates (99.7 to 100 %). The filter is enough by itself in draws 7 and 8, whose spikes lie apart.

    In one of ten draws (number 2) the template is nearly its own mirror image: each spike of one has a spike of the
    other within 11 ms, mostly within 6, at a jitter of 4: five liquids reach 87 to 95 % there, larger ones and other
    read-outs no more.
    """
    with_liquid, without = [], []
    for seed in range(10):
        source = torch.Generator().manual_seed(seed)
        forward = poisson_spikes(torch.full((200, 1), 40.0), generator=source)
        shared = poisson_spikes(torch.full((50, 1), 40.0), generator=source)
        templates = [torch.cat([part, shared]) for part in (forward, forward.flip(0))]
        spikes = torch.cat([jittered(template, 150, 4.0, generator=source) for template in templates])
        labels = torch.arange(2).repeat_interleave(150)
        train = torch.arange(300) % 3 > 0
        machine = build(seed, channels=1, grid=[3, 3, 15])
        machine.fit(spikes[train], labels[train])
        with_liquid.append((machine(spikes[~train]).argmax(1) == labels[~train]).double().mean().item())
        without.append(_accuracy_of_a_read_out(_filtered(spikes), labels, train, beta=1e-3))
    assert sorted(with_liquid)[1] >= 0.95
    assert numpy.median(without) < 0.9
    assert all(own >= other for own, other in zip(with_liquid, without))
    assert numpy.mean(without) < numpy.mean(with_liquid) - 0.1


def _filtered(spikes: torch.Tensor) -> torch.Tensor:
    """The same filter as of liquid states, of the input itself."""
    time = torch.arange(spikes.shape[1] - 1, -1, -1)
    return (spikes * torch.exp(-time / 30)[:, None]).sum(1)


def _overheard(template: torch.Tensor, rows: int, time: int, source: torch.Generator) -> torch.Tensor:
    """``time`` ms, from any moment on, of streams that repeat ``template`` with a jitter of 4 ms for each spike."""
    period = len(template)
    repeats = time // period + 4  # one before and one behind, whose spikes may come in
    streams = jittered(template.repeat(repeats, 1), rows, 4.0, generator=source)
    first = period + torch.randint(period, (rows,), generator=source)
    return streams[torch.arange(rows)[:, None], first[:, None] + torch.arange(time)]


def _accuracy_of_a_read_out(x: torch.Tensor, labels: torch.Tensor, train: torch.Tensor, beta: float) -> float:
    """On what it was not solved for."""
    x = F.pad(x, (1, 0), value=1.0)
    W = ridge(x[train], 2 * F.one_hot(labels[train]) - 1, beta).float()
    return ((x[~train] @ W.T).argmax(1) == labels[~train]).double().mean().item()


def test_poisson_spikes_have_their_rate():
    rates = torch.tensor([0.0, 20.0, 500.0]).expand(20000, 3)
    shares = poisson_spikes(rates, dt=1.0, generator=torch.Generator().manual_seed(0)).mean(0)
    assert shares.tolist() == pytest.approx([0, 1 - math.exp(-0.02), 1 - math.exp(-0.5)], abs=0.015)


def test_threshold_spikes_rebuild_the_signal():
    x = torch.cumsum(0.1 * torch.randn(3, 200, 2, generator=torch.Generator().manual_seed(0)).clamp(-0.9, 0.9), 1)
    spikes = threshold_spikes(x, 0.1)
    rebuilt = x[:, :1] + 0.1 * (spikes[:, :, :2] - spikes[:, :, 2:]).cumsum(1)
    assert (rebuilt - x).abs().max() < 0.1 + 1e-5
    assert not (spikes[:, :, :2] * spikes[:, :, 2:]).any()
    assert threshold_spikes(x[:, :0], 0.1).shape == (3, 0, 4)


def test_jitter_moves_spikes_and_keeps_their_number():
    template = torch.zeros(400, 1)
    template[100::40][:6] = 1
    copies = jittered(template, 300, 3.0, generator=torch.Generator().manual_seed(0))
    assert (copies.sum((1, 2)) == 6).all()
    places = copies[:, :, 0].nonzero()[:, 1].reshape(300, 6)
    moved = (places - torch.arange(100, 340, 40)).double()
    assert moved.std().item() == pytest.approx(3, rel=0.06)
    assert torch.equal(jittered(template, 2, 0.0), template.expand(2, -1, -1))


def test_bad_input():
    machine = build()
    spikes = torch.zeros(4, 10, 2)
    for call, message in (
        (lambda: machine(spikes[:, :, :1]), "shape"),
        (lambda: machine(spikes[0]), "shape"),
        (lambda: machine(spikes + 0.5), "0 and 1"),
        (lambda: machine(spikes * torch.nan), "0 and 1"),
        (lambda: machine.fit(spikes, torch.full((4,), 2)), "classes run"),
        (lambda: poisson_spikes(-torch.ones(2)), "negative"),
        (lambda: threshold_spikes(spikes[0], 0.1), "shape"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            call()
        assert caught.value.hint
    with pytest.raises(ArgumentError, match="no axes"):
        build(grid=[])
    with pytest.raises(ArgumentError, match="threshold"):
        threshold_spikes(spikes, 0.0)
    assert machine(spikes[:, :0]).shape == (4, 2)
    assert machine(spikes[:0]).shape == (0, 2)
