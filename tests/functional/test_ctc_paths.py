"""CTC: all paths, the recursion and torch agree."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from gatefield.functional.ctc_paths import collapse, loss_by_paths, loss_by_recursion, paths


def log_probabilities(time: int, symbols: int = 3, seed: int = 0) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(time, symbols, generator=source, dtype=torch.float64)).log_softmax(1)


def by_torch(log_y: torch.Tensor, labels: list[int]) -> torch.Tensor:
    targets = torch.tensor([labels], dtype=torch.int64).reshape(1, -1)
    return F.ctc_loss(log_y[:, None], targets, [len(log_y)], [len(labels)], reduction="none")[0]


@pytest.mark.parametrize(
    ("path", "labels"),
    [([1, 0, 1, 2, 0], [1, 1, 2]), ([0, 1, 1, 0, 0, 2, 2], [1, 2]), ([0, 0], []), ([], []), ([1, 1, 1], [1])],
)
def test_collapse_is_the_map_of_the_paper(path, labels):
    """The first two are B(a-ab-) = B(-aa--abb) = aab, with other letters, of section 3.1."""
    assert collapse(path) == labels


@pytest.mark.parametrize("time", range(1, 7))
def test_the_loss_is_the_sum_over_all_paths(time):
    log_y = log_probabilities(time, seed=time)
    for count in range(4):
        for labels in itertools.product((1, 2), repeat=count):
            expected = loss_by_paths(log_y, labels)
            recursion, torchs = loss_by_recursion(log_y, labels), by_torch(log_y, list(labels))
            needed = len(labels) + sum(one == other for one, other in itertools.pairwise(labels))
            assert expected.isinf() == (needed > time)  # a blank stands between equal neighbors
            torch.testing.assert_close(recursion, expected, rtol=1e-10, atol=1e-10)
            torch.testing.assert_close(torchs, expected, rtol=1e-10, atol=1e-10)


def test_all_labellings_together_are_certain():
    """Every path says something: the chances of all labellings of T steps sum to one."""
    log_y = log_probabilities(4)
    labellings = (labels for count in range(5) for labels in itertools.product((1, 2), repeat=count))
    total = sum(math.exp(-loss_by_recursion(log_y, labels)) for labels in labellings)
    assert total == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("labels", [[1, 2], [1, 1, 2], [3], [2, 2, 2, 2]])
def test_gradients_are_those_of_torch(labels):
    z = torch.randn(9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    (ours,) = torch.autograd.grad(loss_by_recursion(z.log_softmax(1), labels), z)
    (torchs,) = torch.autograd.grad(by_torch(z.log_softmax(1), labels), z)
    torch.testing.assert_close(ours, torchs, rtol=1e-10, atol=1e-10)


def test_the_recursion_holds_where_probabilities_underflow():
    log_y = log_probabilities(400, 5) - 3  # p(l | x) is about exp(-1500)
    labels = [1, 2, 3, 4, 4, 1] * 10
    torch.testing.assert_close(loss_by_recursion(log_y.float(), labels), by_torch(log_y, labels), rtol=1e-5, atol=0)
    torch.testing.assert_close(loss_by_recursion(log_y, labels), by_torch(log_y, labels), rtol=1e-10, atol=0)


def test_paths_of_a_label():
    """l = a in three steps: a run of a, with blanks before and after it."""
    assert sorted(paths([1], 3, 2)) == [(0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1)]


def test_no_steps():
    nothing = torch.zeros(0, 3, dtype=torch.float64)
    assert loss_by_paths(nothing.reshape(0, 3), [1]).isinf()
    assert loss_by_recursion(nothing, [1]).isinf()
    assert loss_by_recursion(nothing, []) == 0
