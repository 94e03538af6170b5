"""A bound layer computes what `Recurrent.step` computes, and keeps the state as one would by hand."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gatefield.core.discovery import family
from gatefield.core.errors import ArgumentError, InputError
from gatefield.recurrent import (
    GRU,
    LSTM,
    Cell,
    ConvLSTM,
    CoupledLSTM,
    Elman,
    LayerNormLSTM,
    PeepholeLSTM,
    Recurrent,
    Stepper,
    native,
)

BUILT = native.library() is not None
needs_native = pytest.mark.skipif(not BUILT, reason=native.MISSING)

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def assert_near(found: Any, right: Any, dtype: torch.dtype) -> None:
    torch.testing.assert_close(found, right, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@torch.no_grad()
def follow(
    layer: Recurrent,
    stepper: Stepper,
    steps: int,
    embedding: Tensor | None = None,
    state: Any = None,
    sizes: tuple[int, ...] = (),
) -> Any:
    """Both run side by side over random input and agree at every step; the state that they reach."""
    generator = torch.Generator().manual_seed(3)
    first = layer.directions[0].cell
    like = next(layer.parameters(), torch.empty(0))
    sizes = sizes or tuple(3 if size is None else size for size in first.input_shape)
    outputs: list[tuple[Tensor, Tensor]] = []
    for _ in range(steps):
        if embedding is None:
            x = given = torch.randn(stepper.batch, *sizes, generator=generator, dtype=torch.float64).to(like)
        else:
            given = torch.randint(len(embedding), (stepper.batch,), generator=generator)
            x = embedding[given]
        right, state = layer.step(x, state)
        outputs.append((stepper.step(given), right))
    for found, right in outputs:  # afterwards, so that an output which a later step overwrites shows
        assert_near(found, right, like.dtype)
    for found, right in zip(stepper.state or [], state, strict=True):
        assert type(found) is type(right)
        assert_near(tuple(found), tuple(right), like.dtype)
    return state


def some_state(state: Any) -> Any:
    return [type(level)(*(torch.rand_like(values) for values in level)) for level in state]


CELLS = [pytest.param(kind, example, id=f"{kind.name}-{k}")
         for kind in family(Cell).classes for k, example in enumerate(kind.examples())]  # fmt: skip


@pytest.mark.parametrize(("kind", "example"), CELLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_cell_steps_as_the_layer_does(kind: type[Cell], example: Any, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = Recurrent(kind(**example.arguments)).to(dtype)
    embedding = torch.randn(7, *example.input_shape, dtype=dtype)
    for batch in (1, 3):
        follow(layer, layer.stepper(batch), 5)
        follow(layer, layer.stepper(batch, embedding), 5, embedding)


@needs_native
@pytest.mark.parametrize("kind", [LSTM, PeepholeLSTM, CoupledLSTM, LayerNormLSTM, GRU, Elman])
def test_the_usual_cells_run_as_native_code(kind: type[Any]) -> None:
    assert Recurrent(kind(5, 33)).stepper().path.path == "native"


def test_sizes_beyond_one_panel_and_one_block() -> None:
    layer = Recurrent(LSTM(40, 300))
    embedding = torch.randn(65, 40)
    follow(layer, layer.stepper(9, embedding), 4, embedding)
    follow(layer, layer.stepper(1, embedding), 40, embedding)


def stack(**options: Any) -> Recurrent:
    torch.manual_seed(1)
    levels = [nn.Linear(4, 6), LSTM(6, 6), nn.Linear(6, 5), GRU(5, 5), Elman(5, 5), nn.Linear(5, 9)]
    return Recurrent(levels, **options).double()


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "layer",
    [
        stack(),
        stack(residual=True, initial_state="learned"),
        stack(dropout=0.5, zoneout=0.3, recurrent_dropout=0.2).eval(),
        stack(initial_state=0.25),
    ],
)
def test_stacks(layer: Recurrent, batch: int) -> None:
    embedding = torch.randn(11, 4, dtype=torch.float64)
    follow(layer, layer.stepper(batch), 5, sizes=(4,))
    follow(layer, layer.stepper(batch, embedding), 5, embedding)
    assert layer.stepper(batch).path.path == ("native" if BUILT else "reference")


def test_levels_without_a_module_between_share_no_memory() -> None:
    layer = Recurrent([LSTM(5, 8), LSTM(8, 8), GRU(8, 8)], residual=True).double()
    embedding = torch.randn(11, 5, dtype=torch.float64)
    for batch in (1, 3):
        follow(layer, layer.stepper(batch), 6)
        follow(layer, layer.stepper(batch, embedding), 6, embedding)


@pytest.mark.parametrize("layer", [Recurrent([LSTM(3, 4), GRU(4, 5)]), Recurrent(ConvLSTM(2, 3))])
def test_the_state_can_be_read_set_and_reset(layer: Recurrent) -> None:
    stepper = layer.stepper(3)
    reached = follow(layer, stepper, 3)
    state = some_state(reached)
    stepper.state = state
    kept = [tuple(values.clone() for values in level) for level in state]
    follow(layer, stepper, 3, state=state)
    assert all(torch.equal(a, b) for level, other in zip(state, kept) for a, b in zip(level, other))  # not written to
    read = stepper.state
    assert read is not None
    before = [tuple(values.clone() for values in level) for level in read]
    stepper.reset()
    follow(layer, stepper, 3)
    assert all(torch.equal(a, b) for level, other in zip(read, before) for a, b in zip(level, other))


@needs_native  # what reads the parameters at every step sees them change
@pytest.mark.parametrize("indexed", [False, True])
def test_changed_parameters_are_seen_after_refresh(indexed: bool) -> None:
    torch.manual_seed(0)
    layer = Recurrent([PeepholeLSTM(3, 4), LayerNormLSTM(4, 5), nn.Linear(5, 2)]).double()
    embedding = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    former, shown = copy.deepcopy(layer), embedding.detach().clone()
    stepper = layer.stepper(1, embedding if indexed else None)
    with torch.no_grad():
        for parameter in [*layer.parameters(), embedding]:
            parameter.add_(torch.rand_like(parameter))
    state = follow(former, stepper, 4, shown if indexed else None)
    stepper.refresh()
    follow(layer, stepper, 4, embedding.detach() if indexed else None, state)


@pytest.mark.parametrize(
    "behind", [[nn.Linear(8, 65)], [nn.Linear(8, 4), nn.Linear(4, 1)], [nn.Linear(8, 3), nn.Tanh()]]
)
@pytest.mark.parametrize("options", [{}, {"bfloat16_products": True}, {"zoneout": 0.2}])
def test_linear_layers_behind_a_cell(behind: list[nn.Module], options: dict[str, Any]) -> None:
    """The first is taken into the native step; it sees float32 also where the cell's own products do not."""
    torch.manual_seed(0)
    layer = Recurrent([LSTM(5, 8), *behind], **options).eval()
    embedding = torch.randn(7, 5)
    for batch in (1, 3):
        stepper = layer.stepper(batch, embedding)
        for _ in range(20):
            stepper.reset()
            follow(layer, stepper, 1, embedding)


def test_a_linear_layer_that_stands_twice_is_applied_twice() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(4, 4)
    layer = Recurrent([LSTM(3, 4), linear, linear, GRU(4, 4), linear])
    follow(layer, layer.stepper(2), 3)


def test_what_is_hooked_into_a_linear_layer_is_called() -> None:
    torch.manual_seed(0)
    linear = nn.Linear(4, 6)
    layer = Recurrent([LSTM(3, 4), linear])

    def double(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return 2 * output

    linear.register_forward_hook(double)
    follow(layer, layer.stepper(2), 3)


def test_a_linear_layer_of_another_dtype_is_refused_as_torch_does() -> None:
    layer = Recurrent([LSTM(3, 4), nn.Linear(4, 6).double()])
    stepper = layer.stepper()
    with pytest.raises(RuntimeError, match="dtype"):
        stepper.step(torch.randn(1, 3))


class Branching(Cell):
    """Cannot be traced."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.W = nn.Parameter(torch.randn(hidden_size, input_size))

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (h,) = state
        return (h + x @ self.W.T if x.sum() > 0 else h - 1,)


class Masking(Cell):
    """Makes something of its input that is no number: which features are positive."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = self.hidden_size = input_size

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (h,) = state
        return (torch.where(x > 0, torch.tanh(h + x), h),)


@pytest.mark.parametrize("kind", [Branching, Masking])
def test_cells_of_ones_own(kind: type[Any]) -> None:
    layer = Recurrent(kind(3, 4))
    embedding = torch.randn(6, 3)
    for given in (None, embedding):
        stepper = layer.stepper(1, given)
        follow(layer, stepper, 5, given)
        if kind is Branching:
            assert stepper.path.path == "reference"
            assert "branch on data" in stepper.path.reason


def test_the_engine_can_be_told_to_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEFIELD_ENGINE", "reference")
    layer = Recurrent(LSTM(3, 4))
    stepper = layer.stepper(3)
    assert stepper.path == ("reference", "level 0: GATEFIELD_ENGINE=reference")
    follow(layer, stepper, 3)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_a_number_stays_so(value: float) -> None:
    layer = Recurrent(LSTM(3, 4))
    embedding = torch.randn(3, 3)
    embedding[1, 2] = value
    found, right = layer.stepper(embedding=embedding).step(1), layer.step(embedding[1:2])[0].detach()
    assert torch.equal(found.isnan(), right.isnan())
    torch.testing.assert_close(found, right, equal_nan=True)


def test_a_step_takes_no_gradient() -> None:
    layer = Recurrent([LSTM(3, 4), nn.Linear(4, 2)])
    assert not layer.stepper().step(torch.randn(1, 3, requires_grad=True)).requires_grad


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    layer = Recurrent([LSTM(3, 4), GRU(4, 2)])
    embedding = torch.randn(6, 3)
    stepper, by_symbol, three = layer.stepper(), layer.stepper(1, embedding), layer.stepper(3, embedding)
    state = follow(layer, stepper, 2)
    for x, words in [
        (torch.randn(1, 5), "5 features on axis 1"),
        (torch.randn(2, 3), "2 rows on axis 0"),
        (torch.randn(1, 3, dtype=torch.float64), "float64"),
        (torch.randn(1, 3, 1), "feature axes"),
    ]:
        with pytest.raises(InputError, match=words):
            stepper.step(x)
    follow(layer, stepper, 2, state=state)
    for symbol in (-1, 6, torch.tensor([6]), 1.0, torch.tensor(1.0), torch.tensor([1, 2]), None):
        with pytest.raises(InputError, match="symbol"):
            by_symbol.step(symbol)
    for symbols in (1, torch.tensor([1, 2, 6]), torch.tensor([-1, 2, 3]), torch.tensor([1, 2])):
        with pytest.raises(InputError, match="symbol"):
            three.step(symbols)
    with pytest.raises(InputError, match="level 0"):
        layer.stepper(1, torch.randn(6, 4))
    with pytest.raises(InputError, match="float64"):
        layer.stepper(1, embedding.double())
    with pytest.raises(InputError, match="shape"):
        layer.stepper(1, torch.randn(6))
    with pytest.raises(ArgumentError, match="rows"):
        layer.stepper(0)
    with pytest.raises(InputError, match="axis"):
        _go_on_from(stepper, some_state(layer.step(torch.randn(3, 3))[1]))
    with pytest.raises(InputError, match=r"turns \(4,\) features into \(2,\)"):
        Recurrent([LSTM(3, 4), GRU(4, 2)], residual=True).stepper().step(torch.randn(1, 3))
    with pytest.raises(ArgumentError, match="bidirectional"):
        Recurrent(LSTM(3, 4), bidirectional=True).stepper()
    with pytest.raises(InputError, match="mask"):
        Recurrent(LSTM(3, 4), recurrent_dropout=0.5).stepper()


def _go_on_from(stepper: Stepper, state: Any) -> None:
    """Native code refuses a wrong state when it is set, the plain loop in the step after."""
    stepper.state = state
    stepper.step(torch.randn(1, 3))


def test_addresses_are_not_copied() -> None:
    stepper = Recurrent(LSTM(3, 4)).stepper()
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="make another"):
            duplicate(stepper)
