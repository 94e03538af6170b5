"""The fast path computes what the reference loop computes, or says why it does not try."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from traced_cells import (
    FAST,
    INPUTS,
    TORCH_ONLY,
    Binary,
    Leaky,
    Mixed,
    Normalized,
    Peephole,
    ResetAfter,
    Sample,
    Simple,
    Statistics,
    Truncated,
    assert_same,
    results,
    sample,
)  # fmt: skip

from gatefield.core.errors import InputError
from gatefield.recurrent import native, plan
from gatefield.recurrent.cell import State
from gatefield.recurrent.engine import choose, fast_scan
from gatefield.recurrent.kinds import tensors_of
from gatefield.recurrent.scan import scan

NATIVE = pytest.param("native", marks=pytest.mark.skipif(native.library() is None, reason=native.MISSING))


@pytest.fixture(params=["torch", NATIVE])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GATEFIELD_ENGINE", request.param)
    return request.param


def skip_unless_possible(kind: type, path: str) -> None:
    if path == "native" and kind in TORCH_ONLY:
        pytest.skip("the native kernel has no such operation")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", FAST)
def test_equals_the_reference(kind: type[Sample], dtype: torch.dtype, path: str) -> None:
    skip_unless_possible(kind, path)
    for T, B, H in [(1, 1, 1), (2, 3, 5), (7, 9, 20), (19, 3, 33), (63, 1, 5)]:
        cell = kind(H, dtype)
        x, state = sample(cell, T, B)
        right = results(scan, cell, x, state, None)
        assert_same(results(fast_scan, cell, x, state, None), right, dtype)
        with torch.no_grad():
            states, final = fast_scan(cell, x, state)
        assert_same([*states, *final], right[: 2 * len(state)], dtype)


@pytest.mark.parametrize("kind", FAST)
def test_rows_of_different_lengths(kind: type[Sample], path: str) -> None:
    skip_unless_possible(kind, path)
    cell = kind(6)
    x, state = sample(cell, 11, 7)
    active = [7, 7, 6, 6, 6, 4, 4, 1, 1, 1, 0]
    x = x.detach()
    for t, n in enumerate(active):
        x[t, n:] = torch.nan
    x.requires_grad_()
    right = results(scan, cell, x, state, active)
    assert_same(results(fast_scan, cell, x, state, active), right, torch.float64)


@pytest.mark.parametrize("kind", FAST)
def test_gradients_by_finite_differences(kind: type[Sample], path: str) -> None:
    skip_unless_possible(kind, path)
    if kind in (Truncated, Binary):
        pytest.skip("its gradient is not the derivative, on purpose")
    cell = kind(3)
    x, state = sample(cell, 3, 2)
    leaves = [x, *state, *cell.parameters()]
    count = len(state)

    def run(*tensors: Tensor) -> tuple[Tensor, ...]:
        states, final = fast_scan(cell, tensors[0], tensors[1 : 1 + count])
        return *states, *final

    assert torch.autograd.gradcheck(run, leaves, fast_mode=True, atol=1e-4)
    if kind is not Mixed:
        assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True, atol=1e-4)


@pytest.mark.parametrize(
    "frozen", [("x",), ("state",), ("W", "U"), ("x", "state", "W", "U", "b", "v", "row", "scalar")]
)
def test_what_needs_no_gradient_gets_none(frozen: tuple[str, ...], path: str) -> None:
    cell = Peephole(5)
    x, state = sample(cell, 5, 3)
    for name in frozen:
        if name == "x":
            x = x.detach()
        elif name == "state":
            state = (state[0].detach(), state[1])
        else:
            getattr(cell, name).requires_grad_(False)
    assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), torch.float64)


def test_only_one_output_is_used(path: str) -> None:
    cell = Peephole(5)
    x, state = sample(cell, 6, 3)
    for pick in (lambda r: r[0][0][2:], lambda r: r[0][1], lambda r: r[1][1], lambda r: r[1][0]):
        leaves = [*cell.parameters(), x, *state]
        found = torch.autograd.grad(pick(fast_scan(cell, x, state)).sum(), leaves, allow_unused=True)
        right = torch.autograd.grad(pick(scan(cell, x, state)).sum(), leaves, allow_unused=True)
        assert_same(list(found), list(right), torch.float64)


def test_input_that_is_not_contiguous(path: str) -> None:
    cell = Peephole(5)
    x, state = sample(cell, 9, 4)
    wide = torch.randn(4, 9, 2 * INPUTS, dtype=torch.float64)
    x = wide.transpose(0, 1)[:, :, ::2].requires_grad_()
    state = tuple(torch.randn(5, 4, dtype=torch.float64).t().requires_grad_() for _ in state)
    assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), torch.float64)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("kind", [Peephole, ResetAfter, Mixed, Normalized, Statistics, Leaky])
def test_what_is_not_a_number_stays_so(kind: type[Sample], bad: float, path: str) -> None:
    for dtype in (torch.float32, torch.float64):
        cell = kind(20, dtype)
        x, state = sample(cell, 4, 3, requires=False)
        x[1, 0, 2] = bad
        state[0][2, 3] = bad
        right = results(scan, cell, x, state, None)
        assert_same(results(fast_scan, cell, x, state, None), right, dtype)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0, 0)])
def test_nothing_to_run(shape: tuple[int, int], path: str) -> None:
    cell = Peephole(5)
    x, state = sample(cell, *shape)
    states, final = fast_scan(cell, x, state)
    assert [s.shape for s in states] == [(*shape, 5)] * 2
    assert all(torch.equal(f, s) for f, s in zip(final, state))


# ------------------------------------------------------------------------------------------- ways out


class Branching(Simple):
    def step(self, x: Tensor, state: State) -> State:
        return super().step(x if x.sum() > 0 else -x, state)


class Noisy(Simple):
    def step(self, x: Tensor, state: State) -> State:
        return super().step(F.dropout(x, 0.5), state)


class InPlace(Simple):
    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        return super().step(x, (h.detach().mul_(0.5),))


FOREIGN = torch.ones(5, dtype=torch.float64)


class Foreign(Simple):
    def step(self, x: Tensor, state: State) -> State:
        (h,) = super().step(x, state)
        return (h * FOREIGN,)


class Counting(Simple):
    def __init__(self, hidden_size: int = 5) -> None:
        super().__init__(hidden_size)
        self.calls = 0

    def step(self, x: Tensor, state: State) -> State:
        self.calls += 1
        (h,) = super().step(x, state)
        return (h * self.calls,)


class BatchMean(Simple):
    def step(self, x: Tensor, state: State) -> State:
        (h,) = super().step(x, state)
        return (h - h.mean(0),)


class BatchSize(Simple):
    def step(self, x: Tensor, state: State) -> State:
        (h,) = super().step(x, state)
        return (h / len(h),)


class Peeking(Simple):
    def step(self, x: Tensor, state: State) -> State:
        (h,) = super().step(x, state)
        return (h * float(h.detach().numpy().max()),)


REASONS = {
    Branching: "reads the value",
    Noisy: "random numbers",
    InPlace: r"in place .*aten.mul_",
    Foreign: "neither its input nor a parameter",
    Counting: "attributes|other states",
    BatchMean: "mixes the rows|other states",
    BatchSize: "size of the batch|mixes",
    Peeking: "other states",
}


@pytest.mark.parametrize("kind", REASONS)
def test_what_cannot_be_traced_takes_the_reference(kind: type[Sample]) -> None:
    cell = kind()
    x, state = sample(cell, 4, 3)
    found = choose(cell, x, state)
    assert found.path == "reference"
    assert re.search(REASONS[kind], found.reason), found.reason


def test_a_path_that_is_impossible_is_an_error(path: str) -> None:
    cell = Branching()
    x, state = sample(cell, 4, 3)
    with pytest.raises(InputError, match="reference path") as caught:
        fast_scan(cell, x, state)
    assert "reads the value" in caught.value.hint


def test_an_unknown_path_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEFIELD_ENGINE", "warp")
    cell = Simple()
    with pytest.raises(InputError, match="warp"):
        fast_scan(cell, *sample(cell, 2, 2))


class Setting(Simple):
    def __init__(self, hidden_size: int = 5) -> None:
        super().__init__(hidden_size)
        self.gain = 1.0

    def step(self, x: Tensor, state: State) -> State:
        (h,) = super().step(x, state)
        return (h * self.gain * (2 if self.training else 1),)


def test_a_changed_setting_makes_a_new_program(path: str) -> None:
    cell = Setting()
    x, state = sample(cell, 4, 3)
    for gain, training in [(1.0, True), (0.3, True), (0.3, False), (1.0, True)]:
        cell.gain = gain
        cell.train(training)
        assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), torch.float64)


def test_changed_weights_are_seen(path: str) -> None:
    cell = Peephole()
    x, state = sample(cell, 4, 3)
    fast_scan(cell, x, state)
    cell.W.data.mul_(2)
    assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), torch.float64)


def test_other_parameters_by_functional_call(path: str) -> None:
    cell = Simple()
    x, state = sample(cell, 4, 3)
    others = {name: torch.randn_like(p).requires_grad_() for name, p in cell.named_parameters()}

    def penalty(run: Any) -> list[Tensor]:
        class Run(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.cell = cell

            def forward(self, x: Tensor) -> Tensor:
                return run(self.cell, x, state)[0][0]

        named = {f"cell.{name}": p for name, p in others.items()}
        y = torch.func.functional_call(Run(), named, (x,))
        (d,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        return list(torch.autograd.grad(d.square().sum(), [others["W"], others["U"], others["b"]]))

    assert_same(penalty(fast_scan), penalty(scan), torch.float64)


def test_inside_transforms_of_torch_func() -> None:
    cell = Simple()
    x, state = sample(cell, 4, 3, requires=False)
    names = dict(cell.named_parameters())
    stacked = {name: torch.stack([p.detach(), 2 * p.detach()]) for name, p in names.items()}

    class Run(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = cell

        def forward(self, x: Tensor) -> Tensor:
            return fast_scan(self.cell, x, state)[0][0]

    def run(parameters: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(Run(), {f"cell.{k}": v for k, v in parameters.items()}, (x,))

    both = torch.func.vmap(run)(stacked)
    torch.testing.assert_close(both[0], run({k: v[0] for k, v in stacked.items()}))
    torch.testing.assert_close(both[1], run({k: v[1] for k, v in stacked.items()}))


class Fragile(Simple):
    """Cannot bear the batch that is traced."""

    def step(self, x: Tensor, state: State) -> State:
        if x.shape[0] == 11:
            raise ValueError("eleven rows are too many")
        return super().step(x, state)


def test_a_step_that_fails_under_the_tracer_takes_the_reference() -> None:
    cell = Fragile()
    x, state = sample(cell, 4, 3)
    assert "eleven rows" in choose(cell, x, state).reason
    assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), torch.float64)


def test_a_cell_keeps_plans_for_the_latest_kinds_of_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "KINDS", 2)
    cell = Simple()
    made = {}
    for batch in (1, 2, 3):
        x, state = sample(cell, 2, batch)
        made[batch] = plan.plan_for(cell, x, state, tensors_of(cell))
    for batch, kept in ((3, True), (2, True), (1, False)):
        x, state = sample(cell, 2, batch)
        assert (plan.plan_for(cell, x, state, tensors_of(cell)) is made[batch]) == kept
