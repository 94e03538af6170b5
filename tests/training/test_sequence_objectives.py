"""Objectives of sequences: chains, alignments nobody knows, frames of notes."""

from __future__ import annotations

import itertools
import math

import numpy
import pytest
import torch

from gatefield.core.errors import InputError
from gatefield.functional.crf import LinearChain
from gatefield.functional.ctc_paths import loss_by_paths
from gatefield.training.objectives.crf import ConditionalRandomField
from gatefield.training.objectives.cross_entropy import CrossEntropy
from gatefield.training.objectives.ctc import CTC
from gatefield.training.objectives.frames import Frames


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# -------------------------------------------------------------------------------------------------------------- chain


TAGS = torch.tensor([[0, 2, 1, 1], [1, 1, -100, -100], [-100, -100, -100, -100]])


def chain(emissions: torch.Tensor, transitions: bool = True) -> LinearChain:
    parts = [normal(3, 3, seed=1), normal(3, seed=2), normal(3, seed=3)]
    return LinearChain(emissions, torch.tensor([4, 2, 0]), *(part if transitions else 0 * part for part in parts))


def test_crf_is_the_likelihood_of_each_tag_sequence():
    given = chain(normal(3, 4, 3))
    e, A, begin, end = (part.numpy() for part in (given.emissions, *given[2:]))
    total = 0.0
    for row, length in ((0, 4), (1, 2)):

        def score(tags, row=row):
            steps = sum(e[row, t, tag] for t, tag in enumerate(tags))
            return (
                begin[tags[0]] + steps + sum(A[one, other] for one, other in itertools.pairwise(tags)) + end[tags[-1]]
            )

        everything = numpy.array([score(tags) for tags in itertools.product(range(3), repeat=length)])
        total += numpy.log(numpy.exp(everything).sum()) - score(TAGS[row, :length].tolist())
    assert ConditionalRandomField().loss(given, TAGS).item() == pytest.approx(total / 6, rel=1e-12)


def test_crf_without_transitions_is_cross_entropy():
    given = chain(normal(3, 4, 3), transitions=False)
    expected = CrossEntropy().loss(given.emissions, TAGS)
    torch.testing.assert_close(ConditionalRandomField().loss(given, TAGS), expected)
    inside = TAGS != -100
    probabilities = ConditionalRandomField().probabilities(given)
    torch.testing.assert_close(probabilities[inside], CrossEntropy().probabilities(given.emissions)[inside])
    right = (given.emissions.argmax(2) == TAGS)[inside].double().mean()
    assert ConditionalRandomField().correct(given, TAGS) == right


def test_crf_gradient():
    objective = ConditionalRandomField()
    assert torch.autograd.gradcheck(lambda e: objective.loss(chain(e), TAGS), (normal(3, 4, 3).requires_grad_(),))


def test_crf_of_nothing_is_zero():
    nothing = LinearChain(normal(2, 3, 3), torch.zeros(2, dtype=torch.int64), *chain(normal(3, 4, 3))[2:])
    assert ConditionalRandomField().loss(nothing, torch.full((2, 3), -100)) == 0


def test_crf_refuses_tags_that_do_not_fit():
    shorter = TAGS.clone()
    shorter[0, 3] = -100
    beyond = TAGS.clone()
    beyond[0, 0] = 3
    for tags in (shorter, beyond):
        with pytest.raises(InputError) as caught:
            ConditionalRandomField().loss(chain(normal(3, 4, 3)), tags)
        assert caught.value.hint


# ---------------------------------------------------------------------------------------------------------------- CTC


LABELS = torch.tensor([[1, 2, 2], [3, -100, -100], [-100, -100, -100]])
STEPS = torch.tensor([5, 3, 4])


def test_ctc_is_the_sum_over_all_paths():
    log_y = normal(3, 5, 4).log_softmax(2)
    rows = zip(log_y, STEPS.tolist(), ([1, 2, 2], [3], []))
    expected = sum(loss_by_paths(y[:steps], labels) for y, steps, labels in rows) / 4
    torch.testing.assert_close(CTC().loss((log_y, STEPS), LABELS), expected, rtol=1e-10, atol=1e-10)
    assert CTC().correct((log_y, STEPS), LABELS) is None


def test_ctc_gradient_and_padding():
    def loss(z):
        return CTC().loss((z.log_softmax(2), STEPS), LABELS)

    z = normal(3, 5, 4).requires_grad_()
    assert torch.autograd.gradcheck(loss, (z,))
    (gradient,) = torch.autograd.grad(loss(z), z)
    for row, steps in enumerate(STEPS.tolist()):
        assert not gradient[row, steps:].any()
    dirty = z.detach().clone()
    dirty[1, 3:] = 7.0
    torch.testing.assert_close(loss(dirty), loss(z.detach()))


def test_ctc_says_which_row_is_too_short():
    log_y, steps = normal(2, 5, 4).log_softmax(2), torch.tensor([3, 5])
    labels = torch.tensor([[1, 1, 2], [1, 2, 3]])  # the first needs a blank between its equal labels: 4 steps
    with pytest.raises(InputError, match=r"row 0 has 3 steps.* 3 labels") as caught:
        CTC().loss((log_y, steps), labels)
    assert "skip" in caught.value.hint
    kept = loss_by_paths(log_y[1], [1, 2, 3]) / 6
    torch.testing.assert_close(CTC("skip").loss((log_y, steps), labels), kept)


def test_ctc_refuses_what_are_no_labels():
    log_y, steps = normal(1, 5, 4).log_softmax(2), torch.tensor([5])
    for labels in ([[0, 1]], [[4, 1]], [[-3, 1]], [[-100, 1]]):
        with pytest.raises(InputError) as caught:
            CTC().loss((log_y, steps), torch.tensor(labels))
        assert caught.value.hint


def test_ctc_of_no_steps_and_no_labels():
    nothing = torch.full((2, 3), -100)
    empty = CTC().loss((normal(2, 0, 4), torch.tensor([0, 0])), nothing)
    assert empty == 0
    log_y = normal(2, 4, 4).log_softmax(2)
    silence = CTC().loss((log_y, torch.tensor([4, 0])), nothing)
    torch.testing.assert_close(silence, -log_y[0, :, 0].sum())


# ------------------------------------------------------------------------------------------------------------- frames


def test_frames_is_a_sum_over_keys_and_a_mean_over_frames():
    z = 3 * normal(2, 5, 88)
    t = (normal(2, 5, 88, seed=1) > 1).long()
    t[1, 3:] = -100
    p = 1 / (1 + numpy.exp(-z.numpy()))
    counted = [(0, n) for n in range(5)] + [(1, n) for n in range(3)]
    total = 0.0
    for row, n in counted:
        on = t[row, n].numpy() == 1
        total -= numpy.log(numpy.where(on, p[row, n], 1 - p[row, n])).sum()
    assert Frames().loss(z, t).item() == pytest.approx(total / 8, rel=1e-12)
    for dtype in (torch.int16, torch.float32, torch.float64):
        torch.testing.assert_close(Frames().loss(z, t.to(dtype)), Frames().loss(z, t))
    numpy.testing.assert_allclose(Frames().probabilities(z), p, rtol=1e-12)
    assert Frames().correct(z, t) is None


def test_frames_of_a_net_that_knows_nothing():
    """88 keys, each a coin: 88 log 2 nats, the first number of a training on piano rolls."""
    t = torch.zeros(1, 7, 88)
    assert Frames().loss(torch.zeros(1, 7, 88), t).item() == pytest.approx(88 * math.log(2), rel=1e-6)


def test_frames_gradient_and_padding():
    t = (normal(2, 3, 4, seed=1) > 0).double()
    t[1, 1:] = -100
    z = normal(2, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: Frames().loss(z, t), (z,))
    (gradient,) = torch.autograd.grad(Frames().loss(z, t), z)
    assert not gradient[1, 1:].any()
    dirty = z.detach().clone()
    dirty[1, 1:] = torch.nan
    torch.testing.assert_close(Frames().loss(dirty, t), Frames().loss(z, t).detach())
    assert Frames().loss(z, torch.full_like(t, -100)) == 0
