"""What every recurrent cell must do, on its own examples."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest
import torch
from torch.func import functional_call

from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError, InputError
from gatefield.recurrent import Cell, Recurrent, choose, fast_scan, listening, native, scan

CLASSES = family(Cell).classes
CASES = [(cls, example) for cls in CLASSES for example in cls.examples()]
DOUBLE = torch.float64


def _name(case) -> str:
    cls, example = case
    extra = [str(value) for key, value in example.arguments.items() if isinstance(value, (str, bool, tuple))]
    return "-".join([cls.name, *extra])


@pytest.fixture(params=CASES, ids=_name)
def case(request):
    """A cell of every kind with all its parameters away from their first values, and its example."""
    torch.default_generator.manual_seed(0)
    cls, example = request.param
    cell = cls(**copy.deepcopy(example.arguments)).double()
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return cell, example


@pytest.fixture
def plain_loop(monkeypatch):
    """Layers run cells by the reference loop."""
    monkeypatch.setenv("GATEFIELD_ENGINE", "reference")


def _data(cell, example, time, batch, dtype=DOUBLE):
    x = torch.randn(time, batch, *example.input_shape, dtype=dtype)
    state = tuple(torch.randn(batch, *shape, dtype=dtype) for shape in cell.state_shapes(example.input_shape).values())
    return x, state


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)
def test_a_cell_says_where_it_is_from(cls):
    text = inspect.getdoc(cls)
    assert cls.reference
    assert "Source: " in text
    assert "Departs from the paper: " in text


def test_the_loop_is_single_steps(case):
    cell, example = case
    x, state = _data(cell, example, 4, 3)
    states, final = scan(cell, x, state)
    for t in range(4):
        state = cell.step(x[t], state)
        for values, expected in zip(states, state):
            assert torch.equal(values[t], expected)
    assert all(torch.equal(a, b) for a, b in zip(final, state))


def test_the_loop_backward_is_the_loop_on_reversed_time(case):
    cell, example = case
    x, state = _data(cell, example, 5, 4)
    active = [4, 3, 3, 1, 0]
    states, final = scan(cell, x, state, active, reverse=True)
    for row, length in enumerate([4, 3, 3, 1]):
        alone, end = scan(cell, x[:length, row : row + 1].flip(0), tuple(s[row : row + 1] for s in state))
        for values, expected in zip(states, alone):
            torch.testing.assert_close(values[:length, row : row + 1], expected.flip(0), rtol=0, atol=1e-12)
        for values, expected in zip(final, end):
            torch.testing.assert_close(values[row : row + 1], expected, rtol=0, atol=1e-12)


def test_lengths_are_each_row_alone(case, plain_loop):
    cell, example = case
    layer = Recurrent(cell, bidirectional=True)
    lengths = [3, 0, 5, 1, 5]
    x = torch.randn(5, 6, *example.input_shape, dtype=DOUBLE)
    for row, length in enumerate(lengths):
        x[row, length:] = torch.nan
    output, state = layer(x, lengths=lengths)
    for row, length in enumerate(lengths):
        alone, end = layer(x[row : row + 1, :length])
        torch.testing.assert_close(output[row : row + 1, :length], alone, rtol=0, atol=1e-12)
        assert not output[row, length:].any()
        for values, expected in zip(state, end):
            for value, right in zip(values, expected):
                torch.testing.assert_close(value[row : row + 1], right, rtol=0, atol=1e-12)
    output.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


def test_rows_do_not_know_their_order(case, plain_loop):
    cell, example = case
    layer = Recurrent(cell)
    x = torch.randn(4, 3, *example.input_shape, dtype=DOUBLE)
    lengths, order = torch.tensor([2, 3, 1, 3]), torch.tensor([2, 0, 3, 1])
    output, state = layer(x, lengths=lengths)
    moved, moved_state = layer(x[order], lengths=lengths[order])
    torch.testing.assert_close(moved, output[order], rtol=0, atol=1e-12)
    for values, expected in zip(moved_state[0], state[0]):
        torch.testing.assert_close(values, expected[order], rtol=0, atol=1e-12)


def test_nan_stays_in_its_row(case):
    cell, example = case
    x, state = _data(cell, example, 3, 3)
    clean, _ = scan(cell, x, state)
    spoiled = x.clone()
    spoiled[1, 1] = torch.nan
    states, _ = scan(cell, spoiled, state)
    for values, expected in zip(states, clean):
        torch.testing.assert_close(values[:, [0, 2]], expected[:, [0, 2]], rtol=0, atol=1e-12)
        assert torch.equal(values[0], expected[0])
    assert states[cell.emitted][1, 1].isnan().any()


@pytest.mark.parametrize(("time", "batch"), [(0, 2), (3, 0), (0, 0)])
def test_nothing_is_a_sequence_too(case, plain_loop, time, batch):
    cell, example = case
    layer = Recurrent(cell, bidirectional=True)
    x = torch.zeros(batch, time, *example.input_shape, dtype=DOUBLE)
    state = [tuple(s + 2 for s in direction.begin(x, batch, example.input_shape)) for direction in layer.directions]
    output, end = layer(x, state)
    shape = cell.state_shapes(example.input_shape)[cell.states[cell.emitted]]
    assert output.shape == (batch, time, 2 * shape[0], *shape[1:])
    for values, expected in zip(end, state):
        assert time or all(torch.equal(a, b) for a, b in zip(values, expected))


def _function(cell, names, count):
    """The loop as a function of tensors: x, the states, the parameters."""

    def run(x, *tensors):
        state, parameters = tensors[:count], dict(zip(names, tensors[count:]))
        states, final = functional_call(_Loop(cell), parameters, (x, state))
        return (*states, *final)

    return run


class _Loop(torch.nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, x, state):
        return scan(self.cell, x, state, [2, 1])


def test_first_and_second_derivatives(case):
    cell, example = case
    if not example.exact_gradient:
        pytest.skip("trains by something else than the gradient")
    x, state = _data(cell, example, 2, 2)
    parameters = dict(cell.named_parameters())
    inputs = [t.detach().clone().requires_grad_() for t in (x, *state, *parameters.values())]
    run = _function(cell, [f"cell.{name}" for name in parameters], len(state))
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True)


def test_copies_compute_the_same(case):
    cell, example = case
    x, state = _data(cell, example, 2, 2)
    expected = scan(cell, x, state)[1]
    fresh = type(cell)(**copy.deepcopy(dict(cell.arguments))).double()
    fresh.load_state_dict(cell.state_dict())
    for twin in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell)), fresh):
        assert all(torch.equal(a, b) for a, b in zip(scan(twin, x, state)[1], expected))


def test_the_configuration_builds_an_equal_cell(case):
    cell, _ = case
    if any(isinstance(value, torch.nn.Module) for value in cell.arguments.values()):
        with pytest.raises(ArgumentError, match="recipe"):
            cell.config()
        return
    again = Cell.from_config(cell.config())
    assert type(again) is type(cell)
    assert again.config() == cell.config()
    shapes = [(name, values.shape) for name, values in cell.state_dict().items()]
    assert [(name, values.shape) for name, values in again.state_dict().items()] == shapes


def test_being_watched_changes_nothing(case):
    cell, example = case
    x, state = _data(cell, example, 3, 2)
    expected = scan(cell, x, state)[1]
    seen = []
    with listening(seen.append):
        watched = scan(cell, x, state)[1]
    assert all(torch.equal(a, b) for a, b in zip(watched, expected))
    assert len(seen) in (0, 3)
    assert all(gate.shape[0] == 2 for gates in seen for gate in gates.values())


def test_wrong_features_are_named(case, plain_loop):
    cell, example = case
    layer = Recurrent(cell)
    channels, *frame = example.input_shape
    with pytest.raises(InputError, match=f"{channels + 1} features on axis 2"):
        layer(torch.zeros(1, 1, channels + 1, *frame, dtype=DOUBLE))
    with pytest.raises(InputError, match="feature axes"):
        layer(torch.zeros(1, 1, *example.input_shape, 1, dtype=DOUBLE))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_the_fast_path_computes_what_the_loop_does(case, dtype):
    cell, example = case
    cell = cell.to(dtype)
    x, state = _data(cell, example, 5, 4, dtype)
    active = [4, 4, 2, 1, 0]
    leaves = [x, *state, *cell.parameters()]
    for leaf in leaves:
        leaf.requires_grad_()
    assert choose(cell, x, state).reason
    found = []
    for run in (scan, fast_scan):
        states, final = run(cell, x, state, active)
        weights = torch.Generator().manual_seed(1)
        loss = sum((torch.randn(t.shape, generator=weights, dtype=dtype) * t).sum() for t in (*states, *final))
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
        found.append([*states, *final, *(torch.zeros_like(p) if g is None else g for g, p in zip(gradients, leaves))])
    tolerance = 1e-10 if dtype == DOUBLE else 1e-5
    for slow, fast in zip(*found):
        torch.testing.assert_close(fast, slow, rtol=tolerance, atol=tolerance * float(1 + slow.detach().abs().max()))


VECTORS = [case for case in CASES if len(case[1].input_shape) == 1]


@pytest.mark.skipif(native.library() is None, reason=native.MISSING)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("case", VECTORS, ids=_name, indirect=True)
def test_a_cell_on_vectors_runs_as_native_code(case, dtype):
    cell, example = case
    cell = cell.to(dtype)
    x, state = _data(cell, example, 3, 2, dtype)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            assert choose(cell, x, state) == ("native", "the step runs as native code")
