"""The native kernel by itself: products, elementary functions, every instruction set, threads, memory."""

from __future__ import annotations

import gc
import itertools
import math
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from traced_cells import FAST, TORCH_ONLY, Frames, Normalized, Peephole, assert_same, results, sample

from gatefield.core.native_library import supported
from gatefield.recurrent import LSTM, PeepholeLSTM, Recurrent, native
from gatefield.recurrent.decompositions import DECOMPOSITIONS
from gatefield.recurrent.engine import choose, fast_scan
from gatefield.recurrent.fusion import RULES
from gatefield.recurrent.kinds import tensors_of
from gatefield.recurrent.memory import SMALLEST, Pool, empty
from gatefield.recurrent.operations import BINARY, UNARY, WITH_NUMBER
from gatefield.recurrent.plan import plan_for
from gatefield.recurrent.rounded_products import rounded
from gatefield.recurrent.scan import scan

pytestmark = pytest.mark.skipif(native.library() is None, reason="installed without a C++ compiler")


BUILT = supported(native.FOLDER, native.LEVELS)


@pytest.fixture(params=BUILT)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    library = native.Library(BUILT[request.param])
    monkeypatch.setattr(native, "library", lambda: library)
    monkeypatch.setenv("GATEFIELD_ENGINE", "native")
    return request.param


def test_rounded_matmul(level: str) -> None:
    for m, n, k in itertools.product((1, 7, 65), (1, 33, 70), (0, 1, 255, 300)):
        a, b = rounded(torch.randn(k, m)).t(), rounded(torch.randn(k, n))
        for left, right in ((a, b), (a.contiguous(), b.t().contiguous().t()), (a[:, ::2], b[::2])):
            torch.testing.assert_close(native.rounded_matmul(left, right), left @ right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_input_is_read_where_it_lies(level: str, dtype: torch.dtype) -> None:
    """Batch first, part of wider rows, or with other gaps: the result is that of a copy in the loop's order."""
    for T, B, n in ((9, 3, 20), (17, 5, 1), (3, 1, 33)):
        cell = PeepholeLSTM(n, 7).to(dtype)
        wide = torch.randn(B, T, 2 * n, dtype=dtype)
        state = cell.initial_state(B, (n,), dtype, wide.device)
        for given in (wide[..., :n], wide[..., ::2], wide[..., n:].contiguous(), wide[..., :1].expand(B, T, n)):
            x = given.transpose(0, 1)
            with torch.no_grad():
                found, copied = fast_scan(cell, x, state), fast_scan(cell, x.contiguous(), state)
            for a, b in zip(found[0] + found[1], copied[0] + copied[1], strict=True):
                torch.testing.assert_close(a, b, rtol=0, atol=1e-6 if dtype == torch.float32 else 1e-14)


@pytest.mark.parametrize("kind", [k for k in FAST if k not in TORCH_ONLY])
def test_every_instruction_set(kind: type, level: str) -> None:
    for dtype, (T, B, H) in itertools.product((torch.float32, torch.float64), [(9, 3, 20), (3, 17, 33)]):
        cell = kind(H, dtype)
        x, state = sample(cell, T, B)
        assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), dtype)


class Wide(Frames):
    """Frames as large as vectors of pixels, and larger, and smaller."""

    def __init__(self, lengths: tuple[int, ...], size: tuple[int, ...], dtype: torch.dtype) -> None:
        self.lengths, self.size = lengths, size  # type: ignore[misc]
        self.dilation = tuple(2 if k == 1 else 1 for k in range(len(size)))  # type: ignore[misc,assignment]
        super().__init__(3, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("lengths", "size"),
    [((5,), (70,)), ((3, 3), (4, 32)), ((1, 5), (3, 16)), ((3, 3), (7, 9)), ((3, 1, 3), (2, 3, 17)), ((1,), (1,))],
)
def test_convolutions(lengths: tuple[int, ...], size: tuple[int, ...], dtype: torch.dtype, level: str) -> None:
    cell = Wide(lengths, size, dtype)
    generator = torch.Generator().manual_seed(6)
    x, *state = (
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        for shape in ((3, 5, math.prod(size)), (5, 3, *size), (5, 3, *size))
    )
    for active in (None, [5, 4, 1]):
        found, right = (results(run, cell, x, tuple(state), active) for run in (fast_scan, scan))
        assert_same(found, right, dtype)


def test_a_kernel_of_many_channels_is_cut_along_its_depth() -> None:
    class Deep(Peephole):
        states = ("h",)

        def __init__(self) -> None:
            super().__init__(4)
            self.kernel = torch.nn.Parameter(torch.randn(40, 40, 3, 3, dtype=torch.float64) * 0.05)

        def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (F.conv2d(state[0], self.kernel, padding=1) + x,)

    for size in ((3, 5), (2, 16)):
        cell = Deep()
        x, h = torch.randn(3, 2, 40, *size, dtype=torch.float64), torch.randn(2, 40, *size, dtype=torch.float64)
        assert choose(cell, x, (h,)).path == "native"
        x.requires_grad_()
        assert_same(results(fast_scan, cell, x, (h,), None), results(scan, cell, x, (h,), None), torch.float64)


def test_what_repeats_a_number_over_part_of_a_frame_is_left_to_torch() -> None:
    class Shifted(Frames):
        def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            h, c = super().step(x, state)
            return h + self.pixel[:, :1, :1], c

    cell = Shifted(3)
    x, state = sample(cell, 4, 3)
    found = choose(cell, x, state)
    assert found.path == "torch"
    assert "repeats a tensor" in found.reason
    assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), torch.float64)


def test_layer_normalization_takes_few_instructions() -> None:
    cell = Normalized(20)
    x, state = sample(cell, 4, 3)
    program = plan_for(cell, x, state, tensors_of(cell)).program
    names = {code: name for name, code in native.operations().items()}
    forward = Counter(names[op] for op in program._forward.program.instructions["op"])
    (bound,) = program._backward.values()
    backward = Counter(names[op] for op in bound.program.instructions["op"])
    assert forward["ROW_SQUARES"] == forward["RSQRT"] == 2
    assert forward["ROW_DOT"] == forward["SUB"] == forward["ADDI"] == 0
    assert backward["NORMAL_GRADIENT"] == 2
    assert backward["ROW_SUM"] == backward["ROW_DOT"] == 0


def test_nothing_of_the_input_is_computed_twice() -> None:
    class Gated(Peephole):
        states = ("h",)

        def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (torch.tanh(F.linear(x, self.W[:20]) * F.linear(state[0], self.U[:20])),)

    cell = Gated(20)
    x, state = sample(cell, 4, 3)
    x = x.detach()
    program = plan_for(cell, x, state, tensors_of(cell)).program
    (bound,) = program._backward.values()
    products = bound.program.instructions["op"] == native.operations()["PRODUCT"]
    assert products.sum() == 1  # by the state
    assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), torch.float64)


def on_threads(count: int, work: Callable[[], list[Tensor]]) -> list[Tensor]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        return work()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("batch", [1, 3])
def test_threads_share_the_columns_of_large_products(batch: int, rounded: bool) -> None:
    """Too few rows for every thread: each has its part of the weights, and every number is made as by one alone.

    Not so gradients of weights: torch makes these, and may add up in another order.
    """
    layer = Recurrent(LSTM(40, 300), bfloat16_products=rounded)
    x = torch.randn(batch, 11, 40, requires_grad=True)

    def derivatives() -> list[Tensor]:
        output, state = layer(x, lengths=[11, 0, 5][:batch])
        (output.sin().sum() + sum(part.sum() for part in state[0])).backward()
        found = [output.detach(), *(p.grad for p in (x, *layer.parameters()) if p.grad is not None)]
        for parameter in (x, *layer.parameters()):
            parameter.grad = None
        return found

    def streamed() -> list[Tensor]:
        stepper = layer.stepper(batch)
        return [stepper.step(x.detach()[:, t]) for t in range(11)]

    for work in (derivatives, streamed):
        alone = on_threads(1, work)
        for threads in (2, 3, 5):
            for k, (mine, other) in enumerate(zip(on_threads(threads, work), alone, strict=True)):
                if work is derivatives and k:
                    torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5)
                else:
                    assert torch.equal(mine, other)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_share_the_rows(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEFIELD_ENGINE", "native")
    cell = Peephole(20)
    x, state = sample(cell, 13, 23)
    active = [23] * 4 + [19, 12, 12, 7, 3, 3, 1, 1, 0]

    def found() -> list[Tensor]:
        for rows in (None, active):
            assert_same(results(fast_scan, cell, x, state, rows), results(scan, cell, x, state, rows), torch.float64)
        return []

    on_threads(threads, found)


class Function(Peephole):
    """A cell that is one elementary function of its input."""

    states = ("h",)

    def __init__(self, name: str, dtype: torch.dtype) -> None:
        super().__init__(4, dtype)
        self.function = name

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (getattr(torch, self.function)(x) + 0 * state[0].detach().clamp(0, 0),)


@pytest.mark.parametrize(
    "name", ["sigmoid", "tanh", "exp", "log", "log1p", "expm1", "erf", "sin", "cos", "sqrt", "relu"]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_elementary_functions(name: str, dtype: torch.dtype, level: str) -> None:
    values = torch.cat([torch.linspace(-20, 20, 4001), torch.logspace(-6, 2.5, 400), -torch.logspace(-6, 2.5, 400)])
    extremes = torch.tensor([0.0, 1e-30, 1e30, -1e30, 88.8, -88.8, 104.0, -104.0, torch.inf, -torch.inf, torch.nan])
    x = torch.cat([values, extremes]).to(dtype)
    x = torch.cat([x, x.new_zeros(-len(x) % 4)]).view(1, -1, 4)
    cell = Function(name, dtype)
    with torch.no_grad():
        (states, _) = fast_scan(cell, x, (x.new_zeros(x.shape[1], 4),))
    right = getattr(torch, name)(x)
    tolerance = 5e-7 if dtype == torch.float32 else 1e-14
    torch.testing.assert_close(states[0], right, rtol=tolerance, atol=1e-37, equal_nan=True)


def test_operations_exist_in_the_library() -> None:
    lowered = {*UNARY.values(), *BINARY.values(), *WITH_NUMBER.values(), *RULES}
    assert lowered <= set(native.operations())


@pytest.mark.parametrize(
    "function",
    [
        F.silu, F.softplus, F.logsigmoid, F.leaky_relu, F.elu, F.hardtanh, F.hardsigmoid, F.gelu, F.relu6, F.selu,
        lambda a: F.softmax(a, 1), lambda a: F.log_softmax(a, 1), lambda a: F.layer_norm(a, (20,)),
        lambda a: torch.lerp(a, a.sin(), 0.3), lambda a: torch.addcmul(a, a, a.cos(), value=0.5), lambda a: a**3,
        lambda a: torch.stack([a[:, 0], a[:, 1]], 1).sum(1, keepdim=True) + a,
        lambda a: a[:, 2:3] * a + a[:, 5].unsqueeze(1),
        lambda a: torch.where(a > 0.1, a, -2.0 * a), lambda a: a.clamp(min=-0.2) - 1 / (3 + a),
        lambda a: a.masked_fill(a < 0, 0.5),
    ],
)  # fmt: skip
def test_what_users_write(function: object) -> None:
    class Applied(Peephole):
        states = ("h",)

        def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            a = F.linear(x, self.W[:20], self.b[:20]) + F.linear(state[0], self.U[:20])
            return (function(a) * 0.5,)  # type: ignore[operator]

    cell = Applied(20)
    x, state = sample(cell, 4, 3)
    assert choose(cell, x, state).path in ("native", "torch")
    assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), torch.float64)


def test_decompositions_are_what_torch_computes() -> None:
    assert len(DECOMPOSITIONS) == len({id(f) for f in DECOMPOSITIONS.values()}) + 1  # lerp has two forms
    cell = Normalized(20)
    x, state = sample(cell, 4, 3)
    assert choose(cell, x, state).path == "native"


def test_pool_gives_memory_again_and_keeps_a_limit() -> None:
    pool = Pool(limit=3 * SMALLEST)
    first = pool.take(SMALLEST)
    address = first.ctypes.data
    del first
    gc.collect()
    assert pool.kept == SMALLEST
    again = pool.take(SMALLEST - 5)
    assert again.ctypes.data == address
    assert pool.kept == 0
    many = [pool.take(SMALLEST) for _ in range(6)]
    del many, again
    gc.collect()
    assert pool.kept <= pool.limit


def test_memory_in_use_is_never_given_twice() -> None:
    tensors = [empty((SMALLEST,), torch.float32).fill_(k) for k in range(5)]
    view = tensors[2][7:]
    del tensors[2]
    other = empty((SMALLEST,), torch.float32).fill_(9)
    assert view.eq(2).all()
    assert other.eq(9).all()
