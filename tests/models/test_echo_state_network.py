"""Echo state networks against the guide's equations, reservoirpy, and the Mackey-Glass series."""

from __future__ import annotations

import numpy
import pytest
import safetensors.torch
import torch
from torch import nn

from gatefield.core.errors import ArgumentError, InputError
from gatefield.data.synthetic.narma import narma
from gatefield.data.synthetic.sines import sines
from gatefield.models.model import Model
from gatefield.models.reservoir.diagnosis import horizon_error
from gatefield.models.reservoir.echo_state_network import EchoStateNetwork, EchoStates
from gatefield.recurrent import Recurrent
from gatefield.recurrent.cells.echo_state import EchoState

SHAPES = [
    {},
    {"degree": None, "distribution": "normal"},
    {"units": [9, 6]},
    {"bidirectional": True},
    {"units": [5, 7], "bidirectional": True, "leak": 1.0},
    {"feedback_scale": 0.4},
    {"pool": "mean"},
    {"pool": "last", "units": [6, 5]},
]


def build(**arguments) -> EchoStateNetwork:
    torch.manual_seed(0)
    return EchoStateNetwork(**{"features": 2, "classes": 2, "units": 12, "degree": 4, "washout": 3} | arguments)


def sequences(batch: int = 5, time: int = 14, features: int = 2, seed: int = 1) -> torch.Tensor:
    return torch.randn(batch, time, features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fitted(**arguments) -> EchoStateNetwork:
    """A network with a read-out that is not zero."""
    net, x = build(**arguments), sequences()
    y = sequences(seed=2)
    net.fit(x, y if net.pool == "none" else y[:, 0])
    return net


@pytest.fixture
def reference(monkeypatch):
    """Turns the fast drive off."""
    return lambda: monkeypatch.setenv("GATEFIELD_ENGINE", "reference")


def close(one: EchoStates, two: EchoStates) -> None:
    torch.testing.assert_close((*one.x, one.y), (*two.x, two.y), rtol=1e-10, atol=1e-12)


# --- equations


def test_is_the_equations_of_the_guide():
    """Equations 2 to 4 and 9, and the feedback of section 2, in NumPy, step by step."""
    net, x, y = build(feedback_scale=0.7, beta=0.05), sequences(1), sequences(1, seed=2)
    cell = net.reservoirs.cells[0]
    W_in, W_fb = cell.W[:, :2].numpy(), cell.W[:, 2:].numpy()
    W, b = cell.recurrent().numpy(), cell.b.numpy()
    state, said, X = numpy.zeros(12), numpy.zeros(2), []
    for n in range(14):
        u = x[0, n].numpy()
        candidate = numpy.tanh(b + W_in @ u + W @ state + W_fb @ said)
        state = (1 - 0.3) * state + 0.3 * candidate
        X.append(numpy.concatenate([[1.0], u, state]))
        said = y[0, n].numpy()  # teacher forcing
    X, Y = numpy.array(X[3:]).T, y[0, 3:].numpy().T
    W_out = Y @ X.T @ numpy.linalg.inv(X @ X.T + 0.05 * numpy.eye(15))
    end = net.fit(x, y)
    assert numpy.abs(net.read_out.weight.detach().numpy() - W_out[:, 1:]).max() < 1e-9
    assert numpy.abs(net.read_out.bias.detach().numpy() - W_out[:, 0]).max() < 1e-9
    assert numpy.abs(end.x[0][0].numpy() - state).max() < 1e-12
    u = numpy.array([0.3, -0.2])
    state = 0.7 * state + 0.3 * numpy.tanh(b + W_in @ u + W @ state + W_fb @ said)
    answer = W_out @ numpy.concatenate([[1.0], u, state])
    given = torch.tensor(u)[None, None]
    assert numpy.abs(net.generate(1, end, given)[0][0, 0].detach().numpy() - answer).max() < 1e-8


def test_states_of_reservoirpy():
    reservoirpy = pytest.importorskip("reservoirpy")
    torch.manual_seed(2)
    cell = EchoState(3, 80, leak=0.4, spectral_radius=1.1).double()
    theirs = reservoirpy.nodes.Reservoir(
        lr=0.4, W=cell.recurrent().numpy(), Win=cell.W.numpy(), bias=cell.b.numpy(), input_dim=3
    )
    u = sequences(1, 200, 3)[0].numpy()
    ours = cell.reservoir().drive(u[:, :, None], numpy.zeros((80, 1)))[:, :, 0]
    assert numpy.abs(ours - theirs.run(u)).max() < 1e-10


@pytest.mark.parametrize("lengths", [None, [14, 0, 3, 9, 14]])
@pytest.mark.parametrize("options", SHAPES)
def test_the_fast_drive_is_the_reference_loop(options, lengths, reference):
    if options.get("pool") and lengths:
        lengths = [14, 4, 5, 9, 14]
    net, x = fitted(**options), sequences()
    if lengths:
        for row, length in enumerate(lengths):
            x[row, length:] = torch.nan
    with torch.no_grad():
        fast, state = net(x, lengths)
        reference()
        slow, slow_state = net(x, lengths)
    assert fast.isfinite().all()
    torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-12)
    close(state, slow_state)


@pytest.mark.parametrize("options", [{}, {"units": [9, 6], "degree": None}, {"feedback_scale": 0.4}])
def test_free_running_is_the_reference_loop(options, reference):
    net, x = fitted(**options), sequences()
    given = sequences(time=6, seed=3) if options.get("feedback_scale") else None
    with torch.no_grad():
        _, state = net(x)
        fast, end = net.generate(6, state, given)
        reference()
        slow, slow_end = net.generate(6, state, given)
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-10)
    close(end, slow_end)


def test_free_running_is_calling_with_its_own_answers():
    net, x = fitted(), sequences()
    _, state = net(x)
    answers, _ = net.generate(4, state)
    heard = torch.cat([x, state.y[:, None], answers[:, :-1]], 1)
    torch.testing.assert_close(net(heard)[0][:, -4:], answers)


def test_a_generator_without_inputs():
    """Jaeger's way: nothing goes in, output feedback alone keeps a sine going."""
    wave = sines(600, periods=[20.0], amplitudes=[0.8])[:, :, None]
    torch.manual_seed(1)
    net = EchoStateNetwork(0, 1, 60, feedback_scale=1.0, bias_scale=0.2, beta=1e-6)
    nothing = wave.new_zeros(1, 500, 0)
    end = net.fit(nothing, wave[:, :500])
    answers, _ = net.generate(100, end)
    assert (answers - wave[:, 500:]).abs().max() < 0.05


@pytest.mark.parametrize("options", [option for option in SHAPES if "pool" not in option])
def test_goes_on_where_it_stopped(options):
    net, x = fitted(**options), sequences()
    if options.get("bidirectional"):
        pytest.skip("its past depends on its future")
    whole, end = net(x)
    first, state = net(x[:, :5])
    second, state = net(x[:, 5:], state=state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    close(state, end)
    state, steps = None, []
    for u in x.unbind(1):
        y, state = net.step(u, state)
        steps.append(y)
    torch.testing.assert_close(torch.stack(steps, 1), whole)


@pytest.mark.parametrize("options", SHAPES)
def test_rows_are_as_if_alone(options):
    net, x = fitted(**options), sequences()
    lengths = [14, 4, 5, 9, 14]
    answers, state = net(x, lengths)
    for row, length in enumerate(lengths):
        alone, end = net(x[row : row + 1, :length])
        mine = answers[row : row + 1] if net.pool != "none" else answers[row : row + 1, :length]
        torch.testing.assert_close(mine, alone)
        torch.testing.assert_close([part[row : row + 1] for part in state.x], list(end.x))


# --- fitting


@pytest.mark.parametrize("options", SHAPES)
def test_fitting_in_blocks_is_fitting_at_once(options, monkeypatch):
    lengths = [14, 4, 14, 9, 5]
    found = []
    for chunk in (10**9, 150, 1):
        monkeypatch.setattr("gatefield.models.state_window.CHUNK", chunk)
        net, y = build(beta=1e-3, **options), sequences(seed=2)
        end = net.fit(sequences(), y if net.pool == "none" else y[:, 0], lengths)
        found.append((net, end))
    for net, end in found[1:]:
        torch.testing.assert_close(net.state_dict(), found[0][0].state_dict(), rtol=1e-8, atol=1e-10)
        close(end, found[0][1])


def test_state_after_fitting_is_that_of_a_call():
    net, x = build(), sequences()
    end = net.fit(x, sequences(seed=2), [14, 6, 9, 14, 4])
    close(end, net(x, [14, 6, 9, 14, 4])[1])


def test_washed_out_steps_and_padding_do_not_count():
    x, y = sequences(), sequences(seed=2)
    other_x, other_y = x.clone(), y.clone()
    other_y[:, :3] += 100  # washed out
    other_x[1, 9:], other_y[1, 9:] = torch.nan, torch.nan
    lengths = [14, 9, 14, 14, 14]
    one, two = build(), build()
    one.fit(x, y, lengths)
    two.fit(other_x, other_y, lengths)
    torch.testing.assert_close(one.state_dict(), two.state_dict(), rtol=1e-8, atol=1e-10)


def test_classes_by_number_are_one_hot():
    x, labels = sequences(), torch.arange(5) % 3
    for pool, y in (("last", labels), ("none", labels[:, None].expand(5, 14).contiguous())):
        one, two = build(pool=pool, classes=3), build(pool=pool, classes=3)
        one.fit(x, y)
        two.fit(x, nn.functional.one_hot(y, 3).double())
        assert torch.equal(one.read_out.weight, two.read_out.weight)


def test_narma():
    """NARMA-10, normalized error on unseen data; a linear model of the last 30 inputs reaches 0.4."""
    u, y = narma(5000, seed=1)
    errors = []
    for seed in range(3):
        torch.manual_seed(seed)
        net = EchoStateNetwork(1, 1, 400, leak=1.0, spectral_radius=0.95, input_scale=0.3)
        state = net.fit(u[None, :4000, None], y[None, :4000, None])
        error = net(u[None, 4000:, None], state=state)[0][0, :, 0] - y[4000:]
        errors.append((error.std() / y[4000:].std()).item())
    assert sorted(errors)[1] < 0.25


# --- Mackey-Glass (claim 15)


@pytest.fixture(scope="module")
def mackey_glass(data_folder):
    file = data_folder / "time-series" / "MackeyGlass_t17.txt"
    if not file.exists():
        pytest.skip("no MackeyGlass_t17.txt")
    return torch.from_numpy(numpy.loadtxt(file))[:, None]


class Autoregression:
    """AR(20) by least squares, as a network that `horizon_error` can ask."""

    def __init__(self, series: torch.Tensor, order: int = 20) -> None:
        windows = series[:, 0].unfold(0, order + 1, 1)
        ones = windows.new_ones(len(windows), 1)
        self.order = order
        self.a = torch.linalg.lstsq(torch.cat([windows[:, :-1], ones], 1), windows[:, -1:]).solution[:, 0]

    def __call__(self, x):
        return None, self._next(x[:, -self.order :, 0])

    def _next(self, past):
        y = past @ self.a[:-1] + self.a[-1]
        return EchoStates((past,), y[:, None])

    def generate(self, steps, state):
        for _ in range(steps):
            state = self._next(torch.cat([state.x[0][:, 1:], state.y], 1))
        return None, state


@pytest.mark.slow
def test_mackey_glass(mackey_glass):
    """2,000 steps to learn from; NRMSE 84 of N = 1000, median of 5 seeds, below 0.01 and 20 times below AR(20)."""
    unseen, errors = mackey_glass[2000:8000], []
    for seed in range(5):
        torch.manual_seed(seed)
        net = EchoStateNetwork(1, 1, 1000, spectral_radius=1.25)
        net.fit(mackey_glass[None, :2000], mackey_glass[None, 1:2001])
        errors.append(horizon_error(net, unseen))
    linear = horizon_error(Autoregression(mackey_glass[:2001]), unseen)
    assert sorted(errors)[2] < 0.01
    assert sorted(errors)[2] < linear / 20


def test_mackey_glass_with_few_units(mackey_glass):
    torch.manual_seed(0)
    net = EchoStateNetwork(1, 1, 200, spectral_radius=1.25)
    state = net.fit(mackey_glass[None, :2000], mackey_glass[None, 1:2001])
    answers, _ = net.generate(100, state)
    truth = mackey_glass[2001:2101]  # state.y has answered place 2000
    assert (answers[0] - truth).square().mean().sqrt() < 0.2 * truth.std()


# --- a module among others


def test_sits_in_a_network_frozen_or_trained():
    for trainable in (False, True):
        torch.manual_seed(0)
        below, cell = nn.Linear(2, 3), EchoState(3, 20, trainable=trainable)
        layer, above = Recurrent(cell), nn.Linear(20, 1)
        before = {name: value.clone() for name, value in cell.state_dict().items()}
        parts = [*below.parameters(), *layer.parameters(), *above.parameters()]
        optimizer = torch.optim.Adam([part for part in parts if part.requires_grad], 0.01)
        x = sequences(16).float()
        target = x.cumsum(1)[:, -1].sum(1, keepdim=True).sin()
        losses = []
        for _ in range(30):
            optimizer.zero_grad()
            loss = (above(layer(below(x))[0][:, -1]) - target).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.7 * losses[0]
        assert below.weight.grad.abs().sum() > 0
        changed = {name for name, value in cell.state_dict().items() if not torch.equal(value, before[name])}
        assert changed == ({"W", "U", "b"} if trainable else set())
        assert ((cell.recurrent() != 0).sum(1) <= 10).all()  # training keeps the links


@pytest.mark.parametrize("options", [{}, {"units": [4, 3], "bidirectional": True}, {"feedback_scale": 0.4}])
def test_gradients(options):
    net = build(**{"units": 5, "degree": 2, "trainable": True} | options)
    with torch.no_grad():
        for parameter in net.read_out.parameters():
            parameter.normal_(std=0.3)
    names = [name for name, _ in net.named_parameters()]

    def compute(x, *values):
        return torch.func.functional_call(net, dict(zip(names, values)), (x, [6, 3]))[0]

    x = sequences(2, 6).requires_grad_()
    assert torch.autograd.gradcheck(compute, [x, *net.parameters()], fast_mode=True)


def test_a_frozen_network_passes_gradients_to_its_read_out_and_input():
    for options in ({}, {"feedback_scale": 0.4}):
        net, x = fitted(**options), sequences().requires_grad_()
        net(x)[0].square().sum().backward()
        assert x.grad.abs().sum() > 0
        assert net.read_out.weight.grad.abs().sum() > 0
        assert net.reservoirs.cells[0].U.grad is None


def test_answers_in_the_dtype_it_is_asked_in():
    net, x = fitted(), sequences()
    single = net(x.float())[0]
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, net(x.float().double())[0].float())
    assert net.float()(x.float())[1].y.dtype == torch.float32


def test_weights_survive_a_file(tmp_path):
    net, x = fitted(units=[6, 5]), sequences()
    safetensors.torch.save_file(net.state_dict(), tmp_path / "weights.safetensors")
    again = Model.from_config(net.config())
    again.load_state_dict(safetensors.torch.load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(again(x)[0], net(x)[0])


def test_same_seed_same_network():
    one, two = fitted(), fitted()
    assert all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())


# --- bad input


def test_options_that_exclude_each_other():
    for options, message in (
        ({"feedback_scale": 1.0, "bidirectional": True}, "only at the end"),
        ({"feedback_scale": 1.0, "pool": "last"}, "at every step"),
        ({"features": 0}, "hears nothing"),
        ({"units": []}, "no reservoir"),
        ({"degree": 13}, "13 links for each of 12 units"),
        ({"units": 1, "degree": 1, "spectral_radius": 0.0}, "outside"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            build(**options)
        assert caught.value.hint


def test_bad_sequences():
    net, x, y = build(), sequences(), sequences(seed=2)
    infinite = x.clone()
    infinite[0, 5, 0] = torch.inf
    for call, message in (
        (lambda: net.fit(x[:, :3], y[:, :3]), "longest of 5 sequences has 3 steps"),
        (lambda: net.fit(x, y, [3, 2, 0, 1, 3]), "longest of 5 sequences has 3 steps"),
        (lambda: net.fit(infinite, y), "x holds NaN or infinite"),
        (lambda: net.fit(x, y * torch.nan), "y holds NaN"),
        (lambda: net.fit(x[:, :, :1], y), "shape"),
        (lambda: net.fit(x, y[:, :, :1]), "shape"),
        (lambda: net.fit(x, torch.full((5, 14), 2)), "classes run"),
        (lambda: net.fit(x[:0], y[:0]), "longest of 0 sequences"),
        (lambda: net(x[0]), "shape"),
        (lambda: net(x, [1, 2]), "lengths"),
        (lambda: net(x, teacher=y), "teacher"),
        (lambda: net(x[:2], state=net.start(3)), "state"),
        (lambda: net.generate(3, net.start(1), x[:1, :3]), "own answers"),
        (lambda: build(feedback_scale=1.0).generate(3, net.start(5)), "3 steps need"),
        (lambda: build(pool="mean")(x, [14, 3, 14, 14, 14]), "row 1 has 3 steps"),
        (lambda: build(beta=0.0).fit(x[:1], y[:1]), "singular"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            call()
        assert caught.value.hint
    for options in ({"bidirectional": True}, {"pool": "last"}):
        other = build(**options)
        for call in (lambda net=other: net.step(x[:, 0]), lambda net=other: net.generate(2, net.start(1))):
            with pytest.raises(ArgumentError, match="whole sequences"):
                call()
    with pytest.raises(ArgumentError, match="cannot be the next"):
        build(classes=1).generate(2, net.start(1))


def test_a_constant_series():
    """All states are alike in the end: without regularization no read-out is best, with it the answer is the series."""
    series = torch.full((1, 400, 1), 0.5, dtype=torch.float64)
    net = build(features=1, classes=1, washout=200, beta=1e-6)
    state = net.fit(series[:, :-1], series[:, 1:])
    assert (net.generate(20, state)[0] - 0.5).abs().max() < 1e-3
    with pytest.raises(InputError, match="singular"):
        build(features=1, classes=1, washout=200, beta=0.0).fit(series[:, :-1], series[:, 1:])
    with pytest.raises(InputError, match="constant"):
        horizon_error(net, series[0, :1].expand(2000, 1))
