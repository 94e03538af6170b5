"""Cells that are built alike run one program; a program is never shared where it would be wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from traced_cells import Sample, Simple, assert_same, results, sample

from gatefield.recurrent import native, plan
from gatefield.recurrent.cell import State
from gatefield.recurrent.engine import fast_scan
from gatefield.recurrent.kinds import tensors_of
from gatefield.recurrent.scan import scan

NATIVE = pytest.param("native", marks=pytest.mark.skipif(native.library() is None, reason=native.MISSING))


@pytest.fixture(params=["torch", NATIVE])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GATEFIELD_ENGINE", request.param)
    return request.param


def program_of(cell: Sample, batch: int = 3) -> Any:
    x, state = sample(cell, 4, batch)
    return plan.plan_for(cell, x, state, tensors_of(cell)).program


class Slow(Simple):
    def __init__(self, rate: float) -> None:
        super().__init__(4)
        self.rate = rate

    def step(self, x: Tensor, state: State) -> State:
        (h,) = super().step(x, state)
        return (torch.lerp(state[0], h, self.rate),)


class Scaled(Simple):
    """Reads a number that is not its own."""

    factor = 1.0

    def step(self, x: Tensor, state: State) -> State:
        (h,) = super().step(x, state)
        return (h * Scaled.factor,)


def test_cells_built_alike_and_batches_of_any_size_share_a_program(path: str) -> None:
    one, other = Simple(4), Simple(4)
    program = program_of(one)
    assert program is not None
    assert program_of(other) is program
    assert program_of(copy.deepcopy(one), batch=5) is program
    for cell, batch in ((one, 3), (other, 5)):
        x, state = sample(cell, 4, batch)
        assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), torch.float64)


def test_cells_that_differ_share_nothing(path: str) -> None:
    programs = [program_of(Slow(rate)) for rate in (0.25, 0.5)]
    programs += [program_of(cell) for cell in (Simple(4), Scaled(4))]
    frozen = Simple(4)
    for parameter in frozen.parameters():
        parameter.requires_grad_(False)
    programs.append(program_of(frozen))
    assert len({id(program) for program in programs}) == 5


def test_a_program_that_is_not_right_for_another_cell_is_not_shared(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    first = program_of(Scaled(4))
    monkeypatch.setattr(Scaled, "factor", 0.5)
    cell = Scaled(4)
    assert program_of(cell) is not first
    x, state = sample(cell, 4, 3)
    assert_same(results(fast_scan, cell, x, state, None), results(scan, cell, x, state, None), torch.float64)


def test_the_latest_programs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "PROGRAMS", 2)
    monkeypatch.setattr(plan, "_programs", {})
    a, b = program_of(Slow(0.1)), program_of(Slow(0.2))
    assert program_of(Slow(0.1)) is a
    program_of(Slow(0.3))
    assert program_of(Slow(0.1)) is a
    assert program_of(Slow(0.2)) is not b
