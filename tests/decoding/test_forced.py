"""Forced scoring against the distributions themselves."""

from __future__ import annotations

import math

import pytest
import torch
from steppers import TableStepper, TreeStepper

from gatefield.core.errors import ArgumentError, DivergenceError
from gatefield.decoding import GNMT, Average, forced

BEGIN, END = 0, 1


def by_hand(model: TreeStepper, name: int, target: tuple[int, ...]) -> list[float]:
    values, read = [], (BEGIN,)
    for symbol in target:
        values.append(model.after(name, read)[symbol])
        read = (*read, symbol)
    return values


@pytest.mark.parametrize("end", [END, None])
@pytest.mark.parametrize("penalty", [None, Average(), GNMT(0.5)])
def test_ragged_targets(end, penalty):
    model = TreeStepper(5, seed=1)
    targets = [[(2, 3, 4, 2), (), (0, 0)], [], [(4,)]]
    found = forced(model, model.start([7, 8, 9]), targets, BEGIN, end, penalty)
    assert [[h.tokens for h in row] for row in found] == targets
    for name, row in zip((7, 8, 9), found):
        for h in row:
            values = by_hand(model, name, h.tokens if end is None else (*h.tokens, end))
            n = len(values)
            divisor = {"NoneType": 1, "Average": max(n, 1), "GNMT": ((5 + n) / 6) ** 0.5}[type(penalty).__name__]
            assert h.log_probabilities == pytest.approx(values, abs=1e-12)
            assert h.log_probability == pytest.approx(sum(values), abs=1e-12)
            assert h.score == pytest.approx(sum(values) / divisor, abs=1e-12)
            assert h.finished is (end is not None)


def test_targets_of_padding_change_nothing():
    model = TreeStepper(5, seed=1)
    alone = forced(model, model.start([7]), [[(2, 3)]], BEGIN, END)[0][0]
    beside = forced(model, model.start([7, 8]), [[(2, 3), (4,) * 9], [(2,) * 20]], BEGIN, END)[0][0]
    assert alone == beside


def test_nothing_to_score():
    model = TreeStepper(5)
    assert forced(model, model.start([]), [], BEGIN, END) == []
    assert forced(model, model.start([1, 2]), [[], []], BEGIN, END) == [[], []]
    ((h,),) = forced(model, model.start([1]), [[()]], BEGIN, None)
    assert (h.tokens, h.score, h.log_probabilities) == ((), 0.0, ())


def test_what_the_model_thinks_impossible_has_no_finite_score():
    stepper = TableStepper(torch.tensor([[0.0, 1.0], [0.5, 0.5]], dtype=torch.float64).log())
    ((h,),) = forced(stepper, stepper.start(1), [[(0, 1)]], 0, None)
    assert h.log_probabilities == (-math.inf, pytest.approx(math.log(0.5)))
    assert h.score == -math.inf


def test_bad_targets():
    model = TreeStepper(5)
    for targets, message in (
        ([[(2,)]], "targets for 1 of 2 sentences"),
        ([[(2, 5)], []], "a target holds 5, and the vocabulary has 5 symbols"),
        ([[(2, -1)], []], "a target holds -1"),
    ):
        with pytest.raises(ArgumentError, match=message) as caught:
            forced(model, model.start([0, 1]), targets, BEGIN, END)
        assert caught.value.path == ("targets",)
    stepper = TableStepper(torch.tensor([[0.0, math.nan]]))
    with pytest.raises(DivergenceError, match="NaN at step 0 of sentence 0"):
        forced(stepper, stepper.start(1), [[(1,)]], 0, None)
