"""The layer around a cell: stacks, directions, lengths, state, resets, checkpoints, errors."""

from __future__ import annotations

import copy
import itertools
import pickle
import subprocess
import sys
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gatefield.core.errors import ArgumentError, InputError
from gatefield.recurrent import (
    GRU,
    LSTM,
    Cell,
    ConvLSTM,
    Elman,
    Jordan,
    MinimalGatedUnit,
    PeepholeLSTM,
    Recurrent,
    SkipRNN,
    detach_state,
    input_weights,
    listening,
    map_state,
    native,
    recurrent_weights,
    reorder_state,
)

DOUBLE = torch.float64


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


def close_states(a, b, tolerance=1e-12):
    assert len(a) == len(b)
    for one, other in zip(a, b):
        for values, expected in zip(one, other, strict=True):
            close(values, expected, tolerance)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def stack(**options) -> Recurrent:
    """Two recurrent levels of different cells and sizes, and layers between that are not recurrent."""
    width = 10 if options.get("bidirectional") else 5
    levels = [LSTM(3, 5), nn.Linear(width, 4), nn.Tanh(), MinimalGatedUnit(4, 4)]
    return Recurrent(levels, **options).double()


class Decay(Cell):
    """A user's cell: h_t = sigma(u) * h_{t-1} + W x_t, with an own first state of ones."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W = input_weights(input_size, hidden_size)
        self.u = nn.Parameter(torch.zeros(hidden_size))

    def initial_state(self, batch, input_shape, dtype, device):
        return (torch.ones(batch, self.hidden_size, dtype=dtype, device=device),)

    def step(self, x, state):
        (h,) = state
        return (torch.sigmoid(self.u) * h + F.linear(x, self.W),)


OPTIONS = [
    {},
    {"bidirectional": True},
    {"residual": True},
    {"initial_state": "learned"},
    {"initial_state": "constant", "bidirectional": True},
    {"initial_state": -0.25, "checkpoint": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_stack_with_lengths_is_each_row_alone(options):
    layer = stack(**options)
    lengths = [4, 0, 6, 1, 6]
    x = torch.randn(5, 7, 3, dtype=DOUBLE)
    for row, length in enumerate(lengths):
        x[row, length:] = torch.inf
    output, state = layer(x, lengths=torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone, end = layer(x[row : row + 1, :length])
        close(output[row : row + 1, :length], alone)
        assert not output[row, length:].any()
        close_states(map_state(lambda values, row=row: values[row : row + 1], state), end)
    (output**2).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())
    assert any(parameter.grad.any() for parameter in layer.parameters())


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_reset_begins_a_new_sequence(options):
    layer = stack(**options)
    x = torch.randn(4, 7, 3, dtype=DOUBLE)
    lengths, reset = [7, 5, 0, 6], torch.rand(4, 7) < 0.4
    output, _ = layer(x, lengths=lengths, reset=reset)
    for row, length in enumerate(lengths):
        marks = [0, *(t for t in range(1, length) if reset[row, t]), length]
        for start, stop in itertools.pairwise(marks):
            close(output[row, start:stop], layer(x[row : row + 1, start:stop])[0][0])


def test_a_reset_forgets_the_carried_state_of_its_row_only():
    layer = Recurrent(LSTM(3, 5)).double()
    x = torch.randn(2, 4, 3, dtype=DOUBLE)
    _, state = layer(torch.randn(2, 3, 3, dtype=DOUBLE))
    reset = torch.tensor([[True, False, False, False], [False] * 4])
    output, _ = layer(x, state, reset=reset)
    close(output[0], layer(x)[0][0])
    close(output[1], layer(x, state)[0][1])


def test_a_reset_of_frames():
    layer = Recurrent(ConvLSTM(1, 2, (3, 3), (4, 5))).double()
    x = torch.randn(2, 4, 1, 4, 5, dtype=DOUBLE)
    output, _ = layer(x, reset=torch.tensor([[False, False, True, False], [False] * 4]))
    close(output[0, 2:], layer(x[:1, 2:])[0][0])
    close(output[1], layer(x)[0][1])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_state_is_carried(options):
    layer = stack(**options)
    x = torch.randn(3, 6, 3, dtype=DOUBLE)
    whole, end = layer(x)
    first, state = layer(x[:, :2])
    second, after = layer(x[:, 2:], state)
    if not layer.bidirectional:
        close(torch.cat([first, second], 1), whole)
        close_states(after, end)
        layer.eval()
        state, outputs = None, []
        for t in range(6):
            output, state = layer.step(x[:, t], state)
            outputs.append(output)
        close(torch.stack(outputs, 1), whole)
        close_states(state, end)


def test_the_levels_of_a_mixed_stack_one_by_one():
    layer = stack()
    x = torch.randn(2, 5, 3, dtype=DOUBLE)
    lstm, linear, tanh, unit = copy.deepcopy(layer).levels
    h, state = Recurrent(next(iter(lstm)).cell)(x)
    output, end = Recurrent(next(iter(unit)).cell)(tanh.module(linear.module(h)))
    whole, states = layer(x)
    close(whole, output)
    close_states(states, [*state, *end])
    assert states[0].c.shape == (2, 5)
    assert states[1]._fields == ("h",)


def test_residual_connections_add_the_input_of_every_level_but_the_first():
    torch.manual_seed(0)
    layer = Recurrent([GRU(3, 4), GRU(4, 4), Elman(4, 4)], residual=True).double()
    x = torch.randn(2, 5, 3, dtype=DOUBLE)
    y = x
    for k, direction in enumerate(layer.directions):
        z, _ = Recurrent(direction.cell)(y)
        y = z + y if k else z
    close(layer(x)[0], y)
    with pytest.raises(InputError, match=r"turns \(5,\) features into \(4,\)"):
        Recurrent([GRU(3, 5), GRU(5, 4)], residual=True)(torch.zeros(1, 1, 3))


def test_a_level_that_averages_sees_no_padding():
    layer = Recurrent([nn.BatchNorm1d(3), Elman(3, 4)]).double()
    x = torch.randn(3, 5, 3, dtype=DOUBLE)
    lengths = [5, 2, 0]
    layer(x, lengths=lengths)
    seen = torch.cat([x[row, :length] for row, length in enumerate(lengths)])
    close(layer.levels[0].module.running_mean, 0.1 * seen.mean(0))


def test_tokens_enter_through_an_embedding():
    layer = Recurrent([nn.Embedding(7, 3), GRU(3, 4)])
    tokens = torch.tensor([[1, 2, 3], [4, 5, 0]])
    output, _ = layer(tokens, lengths=[3, 2])
    close(output[:1], layer(tokens[:1])[0], 1e-6)
    assert output.shape == (2, 3, 4)


def test_backward_and_forward_have_their_own_weights():
    layer = Recurrent(LSTM(3, 4), bidirectional=True).double()
    ahead, back = (direction.cell for direction in layer.directions)
    assert not torch.equal(ahead.U, back.U)
    x = torch.randn(2, 5, 3, dtype=DOUBLE)
    output, _ = layer(x)
    close(output[..., :4], Recurrent(ahead)(x)[0])
    close(output[..., 4:], Recurrent(back)(x.flip(1))[0].flip(1))


def test_the_initial_state():
    x = torch.randn(2, 3, 4, dtype=DOUBLE)
    for start, value in (("zero", 0.0), ("constant", 0.5), (0.2, 0.2)):
        cell = LSTM(4, 5).double()
        given = [tuple(torch.full((2, 5), value, dtype=DOUBLE) for _ in range(2))]
        close(Recurrent(cell, initial_state=start)(x)[0], Recurrent(cell)(x, given)[0])
    decay = Decay(4, 5).double()
    close(Recurrent(decay)(x)[0], Recurrent(decay)(x, [(torch.ones(2, 5, dtype=DOUBLE),)])[0])


def test_a_learned_initial_state_gets_the_gradient_of_all_rows():
    layer = Recurrent(GRU(4, 5), initial_state="learned").double()
    learned = layer.directions[0].initial.h
    assert learned.std() > 0
    x = torch.randn(3, 6, 4, dtype=DOUBLE)
    given = learned.detach().expand(3, 5).clone().requires_grad_()
    (expected,) = torch.autograd.grad(layer(x, [(given,)])[0].pow(2).sum(), given)
    layer(x)[0].pow(2).sum().backward()
    close(learned.grad, expected.sum(0))


def test_a_learned_state_of_frames_has_one_number_a_channel():
    layer = Recurrent(ConvLSTM(1, 2, (3, 3)), initial_state="learned")
    assert layer.directions[0].initial.H.shape == (2, 1, 1)
    for size in ((3, 4), (5, 2)):
        assert layer(torch.zeros(2, 1, 1, *size))[0].shape == (2, 1, 2, *size)


@pytest.mark.parametrize("path", ["reference", ""])
def test_checkpoints_change_no_derivative(monkeypatch, path):
    monkeypatch.setenv("GATEFIELD_ENGINE", path)
    layer = Recurrent([PeepholeLSTM(3, 4, "full"), GRU(4, 4)], checkpoint=True, initial_state="learned").double()
    plain = copy.deepcopy(layer)
    plain.checkpoint = False
    x = torch.randn(3, 17, 3, dtype=DOUBLE, requires_grad=True)
    found = []
    for one in (layer, plain):
        output, state = one(x, lengths=[3, 17, 9])
        loss = (output**2).sum() + sum((values**3).sum() for level in state for values in level)
        leaves = [x, *one.parameters()]
        first = torch.autograd.grad(loss, leaves, create_graph=True)
        second = torch.autograd.grad(sum((g**2).sum() for g in first), leaves)
        found.append([output, *first, *second])
    for values, expected in zip(*found):
        torch.testing.assert_close(values, expected, rtol=1e-10, atol=1e-10)


def test_checkpoints_keep_the_inside_of_one_segment_at_a_time(monkeypatch):
    monkeypatch.setenv("GATEFIELD_ENGINE", "reference")
    most = {}
    for checkpoint in (False, True):
        layer = Recurrent(LSTM(2, 3), checkpoint=checkpoint)
        alive, counts = [], []

        def count(gates, alive=alive, counts=counts):
            alive.append(weakref.ref(gates["o"]))
            counts.append(sum(one() is not None for one in alive))

        with listening(count):
            layer(torch.randn(1, 400, 2))[0].sum().backward()
        most[checkpoint] = max(counts)
    assert most[False] == 400
    assert most[True] <= 42


def kept_for_the_gradient(layer, x):
    """Bytes of the memory that autograd holds on to after a forward pass, without the input and the parameters."""
    memory = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        memory[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layer(x)
    for tensor in (x, *layer.parameters()):
        memory.pop(tensor.untyped_storage().data_ptr(), None)
    return sum(memory.values())


needs_kernel = pytest.mark.skipif(native.library() is None, reason=native.MISSING)


@pytest.mark.parametrize("path", ["reference", "torch", pytest.param("native", marks=needs_kernel)])
def test_checkpoints_keep_memory_that_grows_as_the_root_of_time(monkeypatch, path):
    monkeypatch.setenv("GATEFIELD_ENGINE", path)
    layer = Recurrent([LSTM(3, 5), GRU(5, 4)], checkpoint=True)
    short, long = (kept_for_the_gradient(layer, torch.randn(2, steps, 3)) for steps in (64, 1024))
    between = 4 * 2 * 5 * (1024 - 64)  # what the first level hands to the second is an output too
    assert short > 0
    assert long - between <= 4 * 1.1 * short
    if path != "reference":
        layer.checkpoint = False
        assert kept_for_the_gradient(layer, torch.randn(2, 1024, 3)) > 10 * (long - between)


PEAK = """
import pathlib, re, sys, torch
from gatefield.recurrent import LSTM, Recurrent

def kilobytes(key):
    return int(re.search(rf"{key}:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])

layer = Recurrent(LSTM(16, 64), checkpoint=True)
layer(torch.randn(8, 10, 16))[0].sum().backward()
x = torch.randn(8, int(sys.argv[1]), 16)
before = kilobytes("VmRSS")
output, _ = layer(x)
output.sum().backward()
# the outputs of all segments, and the same in one piece
print(1024 * (kilobytes("VmHWM") - before) - 2 * output.nbytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_of_a_process_grows_as_the_root_of_time():
    """Over 64 times the steps, so that some megabytes which malloc keeps or gives back do not decide."""

    def peak(steps):
        command = [sys.executable, "-c", PEAK, str(steps)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert peak(80_000) < 16 * peak(1_250)  # the root of 64 is 8


def test_second_derivatives_with_a_carried_state():
    """The history of the given state holds the same parameters; they must not be counted twice."""
    layer = Recurrent(GRU(3, 4)).double()
    x = torch.randn(2, 5, 3, dtype=DOUBLE)
    _, state = layer(x)
    loss = layer(x, state)[0].sum()
    parameters = list(layer.parameters())
    plain = torch.autograd.grad(loss, parameters, retain_graph=True)
    for once, again in zip(plain, torch.autograd.grad(loss, parameters, create_graph=True)):
        close(again, once, 1e-10)


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}], ids=str)
def test_gates_on_request(options):
    layer = stack(**options)
    x = torch.randn(3, 4, 3, dtype=DOUBLE)
    lengths = [2, 4, 0]
    gates = layer.gates(x, lengths=lengths)
    output, _ = layer(x, lengths=lengths)
    assert len(gates) == len(layer.directions)
    assert list(gates[0]) == ["i", "f", "g", "o"]
    sister = layer.gates(x, lengths=lengths)[-1]
    for row, length in enumerate(lengths):
        for seen, alone in zip(gates, layer.gates(x[row : row + 1, :length])):
            for name in alone:
                close(seen[name][row : row + 1, :length], alone[name])
                assert not seen[name][row, length:].any()
    assert all((gate >= -1).all() and (gate <= 1).all() for level in gates for gate in level.values())
    assert sister.keys() == {"f", "candidate"}
    (h,) = (Recurrent(next(iter(layer.levels[0])).cell)(x, lengths=lengths)[0],)
    cell_state = torch.zeros(3, 5, dtype=DOUBLE)
    for t in range(4):
        now = {name: gate[:, t] for name, gate in gates[0].items()}
        cell_state = now["f"] * cell_state + now["i"] * now["g"]
        expected = now["o"] * torch.tanh(cell_state)
        valid = torch.tensor([t < length for length in lengths])
        close(h[valid, t], expected[valid])
    assert output.shape[1] == 4


def test_what_a_cell_emits_may_be_any_state():
    class Emitting(SkipRNN):
        emits = "past"

    layer = Recurrent(Emitting(3, 4, 2)).double()
    x = torch.randn(2, 5, 3, dtype=DOUBLE)
    output, state = layer(x)
    h = Recurrent(layer.directions[0].cell, initial_state="zero").gates(x)
    assert h == [{}]
    close(output[:, -1], state[0].past)


def test_a_users_cell_without_any_ceremony():
    layer = Recurrent([Decay(3, 4), nn.Linear(8, 2), Jordan(2, 3, 2)], bidirectional=True)
    output, state = layer(torch.randn(2, 6, 3), lengths=[6, 3])
    assert output.shape == (2, 6, 4)
    assert len(state) == 4
    assert all(path.reason for path in layer.fast_path(torch.randn(2, 6, 3)))


def test_copies_of_a_layer_compute_the_same():
    layer = stack(bidirectional=True, initial_state="learned")
    x = torch.randn(2, 4, 3, dtype=DOUBLE)
    expected, state = layer(x)
    fresh = stack(bidirectional=True, initial_state="learned")
    fresh.load_state_dict(layer.state_dict())
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), fresh):
        close(twin(x)[0], expected, 0)
    again = pickle.loads(pickle.dumps(detach_state(state)))
    assert again[0]._fields == ("h", "c")
    close_states(copy.deepcopy(detach_state(state)), again)


def test_the_configuration_builds_an_equal_layer():
    layer = Recurrent([LSTM(3, 4), GRU(8, 4)], bidirectional=True, dropout=0.1, zoneout=0.2, initial_state=0.5)
    again = Recurrent.from_config(layer.config())
    assert again.config() == layer.config()
    assert layer.config()["cell"][0] == {"name": "lstm", "input_size": 3, "hidden_size": 4, "forget_bias": 1.0}
    named = Recurrent({"name": "gru", "input_size": 3, "hidden_size": 4})
    assert isinstance(named.directions[0].cell, GRU)


def test_vmap_over_parameters():
    """An ensemble: many sets of parameters in one call."""
    layers = [Recurrent([LSTM(3, 4), GRU(4, 4)], initial_state="learned").double() for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(layers)
    x = torch.randn(2, 5, 3, dtype=DOUBLE)

    def run(p, b):
        return torch.func.functional_call(layers[0], (p, b), (x, None, [5, 3]))[0]

    outputs = torch.func.vmap(run)(parameters, buffers)
    for layer, output in zip(layers, outputs):
        close(output, layer(x, lengths=[5, 3])[0])


def test_autocast_keeps_the_state_in_full_precision():
    layer = Recurrent([LSTM(3, 8), Elman(8, 8)])
    x = torch.randn(2, 6, 3)
    exact, _ = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        output, state = layer(x)
    assert all(values.dtype == torch.float32 for level in state for values in level)
    assert 0 < (output - exact).abs().max() < 0.05


@pytest.mark.parametrize("make", [LSTM, GRU, Elman])
def test_autocast_to_bfloat16_is_rounded_products(make):
    """The engine runs them, forward and backward; the linear level between them is torch's business."""
    layer = Recurrent([make(3, 8), nn.Linear(8, 5), make(5, 4)])
    rounded = Recurrent(layer.directions[0].cell, bfloat16_products=True)
    x = torch.randn(2, 6, 3)
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = layer(x, lengths=[6, 2])
        alone, _ = Recurrent(layer.directions[0].cell)(x, lengths=[6, 2])
        paths = [found.path for found in layer.fast_path(x)]
    assert output.dtype == torch.float32
    assert torch.equal(alone, rounded(x, lengths=[6, 2])[0])
    assert paths == [found.path for found in layer.fast_path(x)]
    output.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.dtype == torch.float32 for parameter in layer.parameters())


def test_autocast_leaves_cells_without_matrices_as_they_are():
    layer = Recurrent(ConvLSTM(1, 2))
    x = torch.randn(2, 3, 1, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = layer(x)
    assert 0 < (output - layer(x)[0]).abs().max() < 0.05


def test_states_can_be_reordered():
    layer = Recurrent(LSTM(3, 4)).double()
    x = torch.randn(3, 4, 3, dtype=DOUBLE)
    order = torch.tensor([2, 2, 0, 1])
    _, state = layer(x)
    moved = reorder_state(state, order)
    assert moved[0]._fields == ("h", "c")
    close_states(moved, layer(x[order])[1])


X = torch.zeros(2, 3, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda layer: layer(torch.zeros(3)), "x has 1 axes"),
        (lambda layer: layer(torch.zeros(2, 3)), "level 0 has 0 feature axes"),
        (lambda layer: layer(torch.zeros(2, 3, 5)), "level 0 has 5 features on axis 2, LSTM wants 4"),
        (lambda layer: layer(X.double()), r"level 0 is torch.float64, its cell torch.float32"),
        (lambda layer: layer(X.long()), r"level 0 is torch.int64"),
        (lambda layer: layer(X.to("meta")), "on meta, its cell on cpu"),
        (lambda layer: layer(X, lengths=[3]), r"shape \(1,\) for 2 rows on axis 0"),
        (lambda layer: layer(X, lengths=[3, 4]), "length 4 of row 1 is beyond the 3 steps on axis 1"),
        (lambda layer: layer(X, lengths=[-1, 2]), "length -1 of row 0 is negative"),
        (lambda layer: layer(X, lengths=torch.tensor([1.0, 2.0])), "lengths are torch.float32"),
        (lambda layer: layer(X, state=[]), "the state has 0 parts"),
        (lambda layer: layer(X, state=X), "the state is a Tensor"),
        (lambda layer: layer(X, state=[(X,)]), "the state of level 0 is 1 tensors"),
        (lambda layer: layer(X, state=[(X[:, 0], X)]), "state 'h' of level 0 has 4 on axis 1, not 5"),
        (lambda layer: layer(X, state=[(torch.zeros(3, 5),) * 2]), "state 'h' of level 0 has 3 on axis 0, not 2"),
        (lambda layer: layer(X, state=[(torch.zeros(2, 5), torch.zeros(2, 5, 1))]), "state 'c' of level 0 has 3 axes"),
        (
            lambda layer: layer(X, state=[(torch.zeros(2, 5), torch.zeros(2, 5).double())]),
            "state 'c' of level 0 is torch",
        ),
        (lambda layer: layer(X, reset=torch.zeros(2, 3)), "reset is torch.float32"),
        (lambda layer: layer(X, reset=torch.zeros(2, 4, dtype=torch.bool)), "reset has 4 on axis 1, x has 3"),
        (lambda layer: layer.step(X), "level 0 has 2 feature axes"),
        (lambda layer: layer.step(torch.zeros(2, 5)), "level 0 has 5 features on axis 1, LSTM wants 4"),
    ],
)
def test_input_that_does_not_fit_is_named(call, message):
    with pytest.raises(InputError, match=message) as caught:
        call(Recurrent(LSTM(4, 5)))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Recurrent([nn.Linear(3, 3)]), "no cell among the levels"),
        (lambda: Recurrent([Recurrent(GRU(3, 3)), GRU(3, 3)]), "cannot be applied to single steps"),
        (lambda: Recurrent(GRU(3, 3), dropout=0.5), "dropout is between recurrent levels"),
        (lambda: Recurrent(GRU(3, 3), residual=True), "residual is between recurrent levels"),
        (lambda: Recurrent([GRU(3, 3), GRU(3, 3)], variational=True), "variational dropout without a rate"),
        (lambda: Recurrent(GRU(3, 3), zoneout={"c": 0.5}), "GRU has no state 'c'"),
        (lambda: Recurrent(GRU(3, 3), zoneout=1.0), r"1.0 is not a number in \[0, 1\)"),
        (lambda: Recurrent(GRU(3, 3), initial_state="random"), "random"),
        (lambda: Recurrent({"name": "lstn", "input_size": 3, "hidden_size": 3}), "lstn"),
        (lambda: Recurrent(LSTM(0, 3)), r"0 is outside \[1, inf\)"),
        (lambda: Recurrent(GRU(3, 3), bidirectional=True).step(torch.zeros(1, 3)), "cannot run step by step"),
    ],
)
def test_options_that_could_do_nothing_are_refused(build, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        build()
    assert caught.value.hint


class Short(Decay):
    def step(self, x, state):
        return (*super().step(x, state), x)


class Growing(Decay):
    def step(self, x, state):
        (h,) = super().step(x, state)
        return (torch.cat([h, h], 1),)


@pytest.mark.parametrize(
    ("cell", "message"),
    [(Short(2, 3), "returned 2 tensors, the cell has 1 states"), (Growing(2, 3), "changed the shape")],
)
def test_a_step_that_breaks_its_promise_is_named(monkeypatch, cell, message):
    monkeypatch.setenv("GATEFIELD_ENGINE", "reference")
    with pytest.raises(InputError, match=message):
        Recurrent(cell)(torch.zeros(1, 2, 2))


def test_recurrent_weights_are_orthogonal_gate_by_gate():
    for gate in recurrent_weights(7, gates=3).split(7):
        close(gate @ gate.T, torch.eye(7), 1e-5)


@pytest.mark.parametrize("cell", [LSTM, GRU, Elman])
def test_inference_mode_runs_what_no_grad_runs(cell):
    """A plan that is made in inference mode is the one of `no_grad`, also on tensors that were made there."""
    layer = Recurrent(cell(5, 7))
    with torch.inference_mode():
        x = torch.randn(3, 4, 5)
        output, _ = layer(x)
        paths = layer.fast_path(x)
    with torch.no_grad():
        again, _ = layer(x.clone())
        assert layer.fast_path(x) == paths
    assert torch.equal(output, again)
    assert not output.requires_grad
    assert layer(x.clone())[0].requires_grad
    with torch.no_grad():
        fresh = Recurrent(cell(5, 7))
        assert fresh.fast_path(torch.randn(3, 4, 5)) == paths
