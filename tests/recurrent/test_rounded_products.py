"""Products of factors rounded to bfloat16: what they compute, forward and backward, on every path."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gatefield.core.errors import ArgumentError
from gatefield.core.native_library import supported
from gatefield.recurrent import GRU, LSTM, Cell, ConvLSTM, Elman, PeepholeLSTM, Recurrent, native, scan
from gatefield.recurrent.cell import State
from gatefield.recurrent.rounded_products import RoundedProducts, rounded

BUILT = supported(native.FOLDER, native.LEVELS)
ENGINES = ["reference", "torch", pytest.param("native", marks=pytest.mark.skipif(not BUILT, reason="no compiler"))]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GATEFIELD_ENGINE", request.param)
    return request.param


@pytest.fixture(params=BUILT)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    library = native.Library(BUILT[request.param])
    monkeypatch.setattr(native, "library", lambda: library)
    return request.param


def test_numbers_are_rounded_to_eight_bits_ties_to_even() -> None:
    x = torch.tensor(
        [1.0, 1 + 2**-7, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -1e38, 3.4e38, torch.inf, torch.nan]
    )
    expected = torch.tensor([1.0, 1 + 2**-7, 1.0, 1 + 2**-6, 1 + 2**-7, -1e38, torch.inf, torch.inf, torch.nan])
    expected[5] = x[5].bfloat16()
    torch.testing.assert_close(rounded(x), expected, rtol=0, atol=0, equal_nan=True)


def test_the_native_product_rounds_as_torch_does(level: str) -> None:
    generator = torch.Generator().manual_seed(0)
    for m, n, k in itertools.product((1, 9, 16, 65, 96), (1, 33, 64, 70), (0, 1, 2, 32, 300, 513)):
        a, b = torch.randn(k, m, generator=generator).t(), torch.randn(k, n, generator=generator)
        for left, right in ((a, b), (a.contiguous(), b.t().contiguous().t()), (a[:, ::2], b[::2])):
            exact = rounded(left).double() @ rounded(right).double()
            found = native.rounded_matmul(left, right)
            torch.testing.assert_close(found, exact.float(), rtol=1e-5, atol=1e-5 * max(k, 1) ** 0.5)


def test_what_is_not_a_number_stays_so(level: str) -> None:
    for bad in (torch.nan, torch.inf, -torch.inf):
        a, b = torch.rand(3, 5) + 1, torch.rand(5, 40) + 1
        a[1, 2] = bad
        right = a @ b
        torch.testing.assert_close(native.rounded_matmul(a, b).isnan(), right.isnan())
        torch.testing.assert_close(native.rounded_matmul(a, b)[1], right[1], equal_nan=True)
        assert native.rounded_matmul(a, b)[[0, 2]].isfinite().all()


def test_the_layer_computes_the_equation(engine: str) -> None:
    torch.manual_seed(0)
    cell = Elman(7, 5)
    x = torch.randn(3, 1, 7)
    h = torch.randn(3, 5)
    output, _ = Recurrent(cell, bfloat16_products=True)(x, [(h,)])
    W, U, b = cell.W.detach(), cell.U.detach(), cell.b.detach()
    right = torch.tanh(rounded(x[:, 0]) @ rounded(W).t() + b + rounded(h) @ rounded(U).t())
    torch.testing.assert_close(output[:, 0], right, rtol=1e-6, atol=1e-6)
    exact = torch.tanh(F.linear(x[:, 0], W, b) + F.linear(h, U))
    assert 1e-4 < (output[:, 0] - exact).abs().max() < 0.05


class Linear(Cell):
    """h W^T: nothing is between the products, so that its gradients are exactly those of the class's docstring."""

    def __init__(self) -> None:
        super().__init__()
        self.input_size, self.hidden_size = 6, 5
        self.W = torch.nn.Parameter(torch.randn(5, 6))
        self.U = torch.nn.Parameter(torch.randn(5, 5))

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return (x @ self.W.t() + torch.mm(h, self.U.t()),)


def test_gradients_are_rounded_products_too(engine: str) -> None:
    torch.manual_seed(0)
    cell = Linear()
    x, h, d = torch.randn(4, 1, 6, requires_grad=True), torch.randn(4, 5, requires_grad=True), torch.randn(4, 1, 5)
    output, _ = Recurrent(cell, bfloat16_products=True)(x, [(h,)])
    found = torch.autograd.grad(output, [x, h, cell.W, cell.U], d)
    d, x, h, W, U = (rounded(t.detach()) for t in (d[:, 0], x[:, 0], h, cell.W, cell.U))
    for values, right in zip(found, ((d @ W)[:, None], d @ U, d.t() @ x, d.t() @ h)):
        torch.testing.assert_close(values, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [LSTM, GRU, PeepholeLSTM], ids=lambda make: make.name)
def test_fast_paths_round_as_the_reference_does(make: type[Cell], engine: str) -> None:
    torch.manual_seed(0)
    cell = make(9, 33)  # type: ignore[call-arg]
    x = torch.randn(5, 11, 9)
    results = []
    for path, option in ((engine, True), ("reference", True), ("reference", False)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GATEFIELD_ENGINE", path)
            output, _ = Recurrent(cell, bfloat16_products=option)(x, lengths=[11, 7, 11, 0, 3])
            results.append([output.detach(), *torch.autograd.grad(output.square().sum(), list(cell.parameters()))])
    for fast, slow, exact in zip(*results):
        # where sums in another order fall to the other side of a rounding, a number may differ; not as a whole
        scale = float(exact.abs().max())
        assert (fast - slow).abs().mean() < 0.05 * (exact - slow).abs().mean()
        assert (fast - slow).abs().max() < 1e-2 * scale
        assert (exact - slow).abs().max() < 3e-2 * scale


def test_every_instruction_set_computes_the_same(level: str) -> None:
    torch.manual_seed(0)
    cell = LSTM(9, 20)
    x = torch.randn(3, 1, 9)
    wrapped = RoundedProducts(cell)
    start = cell.initial_state(3, (9,), x.dtype, x.device)
    right, _ = scan(wrapped, x.transpose(0, 1), start)
    layer = Recurrent(cell, bfloat16_products=True)
    (path,) = layer.fast_path(x)
    assert path.path == "native"
    torch.testing.assert_close(layer(x)[0][:, 0], right[0][0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_stepper_rounds_too(batch: int, engine: str) -> None:
    torch.manual_seed(0)
    layer = Recurrent([LSTM(8, 40), GRU(40, 20)], bfloat16_products=True).eval()
    embedding = torch.randn(6, 8)
    stepper = layer.stepper(batch, embedding)
    exact = Recurrent([direction.cell for direction in layer.directions]).eval()
    state = plain = None
    with torch.no_grad():
        for t in range(12):
            symbols = torch.arange(batch) + t % 4
            found = stepper.step(symbols)
            right, state = layer.step(embedding[symbols], state)
            other, plain = exact.step(embedding[symbols], plain)
            assert (found - right).abs().mean() < 0.1 * (other - right).abs().mean()


def test_second_derivatives(engine: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, requires_grad=True)
    cell = Elman(4, 5)
    found = []
    for option in (True, False):
        output, _ = Recurrent(cell, bfloat16_products=option)(x)
        (d,) = torch.autograd.grad(output.square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(d.square().sum(), cell.W)[0])
    assert 0 < (found[0] - found[1]).abs().max() < 0.1 * found[1].abs().max()


def test_a_cell_without_products_is_refused() -> None:
    layer = Recurrent(ConvLSTM(1, 2), bfloat16_products=True)
    with pytest.raises(ArgumentError, match="ConvLSTM multiplies no matrices") as caught:
        layer(torch.zeros(1, 2, 1, 4, 4))
    assert caught.value.path == ("bfloat16_products",)


def test_numbers_of_other_kinds_take_the_torch_path() -> None:
    torch.manual_seed(0)
    layer = Recurrent(Elman(4, 5), bfloat16_products=True).double()
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    (path,) = layer.fast_path(x)
    assert path.path == "torch"
    assert "bfloat16" in path.reason or "compiler" in path.reason
    assert layer(x)[0].dtype == torch.float64
