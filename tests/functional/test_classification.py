"""Measures of classifiers against scikit-learn and, for calibration, a NumPy transcription of the paper."""

from __future__ import annotations

import math

import numpy
import pytest
import torch
from sklearn import metrics

from gatefield.core.errors import ArgumentError
from gatefield.functional.classification import (
    accuracy,
    brier_score,
    calibration_bins,
    confusion_matrix,
    expected_calibration_error,
    negative_log_likelihood,
    precision_recall_f1,
    top_k_accuracy,
)

NO_TARGETS = torch.empty(0, dtype=torch.int64)


def sample(count: int, classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are somewhat right, and targets in which the last class never occurs."""
    random = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, classes - 1, (count,), generator=random)
    logits = torch.randn(count, classes, generator=random, dtype=torch.float64)
    return logits + 1.5 * torch.nn.functional.one_hot(targets, classes), targets


@pytest.mark.parametrize(("count", "classes"), [(1, 2), (37, 3), (500, 11)])
def test_confusion_precision_recall_f1_agree_with_scikit_learn(count, classes):
    logits, targets = sample(count, classes)
    predictions = logits.argmax(1)
    confusion = confusion_matrix(targets, predictions, classes)
    labels = range(classes)
    assert confusion.dtype == torch.int64
    assert confusion.tolist() == metrics.confusion_matrix(targets, predictions, labels=labels).tolist()

    scores = precision_recall_f1(confusion)
    options = {"labels": labels, "zero_division": 0}
    by_class = metrics.precision_recall_fscore_support(targets, predictions, **options)
    for ours, theirs in zip(scores, by_class):
        assert ours.numpy() == pytest.approx(theirs, abs=1e-15)
    macro = metrics.precision_recall_fscore_support(targets, predictions, average="macro", **options)
    assert scores.macro == pytest.approx(macro[:3], abs=1e-15)
    assert accuracy(targets, predictions) == pytest.approx(metrics.accuracy_score(targets, predictions), abs=1e-15)


def test_a_class_that_is_absent_or_never_predicted_scores_zero_and_nothing_is_nan():
    confusion = torch.tensor([[3, 0, 0], [2, 0, 0], [0, 0, 0]])  # class 1 never predicted, class 2 absent
    precision, recall, f1 = precision_recall_f1(confusion)
    assert precision.tolist() == pytest.approx([0.6, 0, 0])
    assert recall.tolist() == [1, 0, 0]
    assert f1.tolist() == pytest.approx([0.75, 0, 0])
    assert precision_recall_f1(torch.zeros(2, 2)).macro == (0, 0, 0)


@pytest.mark.parametrize("k", [1, 2, 5, 10])
def test_top_k_agrees_with_scikit_learn(k):
    logits, targets = sample(300, 11)
    expected = metrics.top_k_accuracy_score(targets, logits, k=k, labels=range(11))
    assert top_k_accuracy(logits, targets, k) == pytest.approx(expected, abs=1e-15)


def test_ties_favour_the_lower_class_and_a_constant_output_earns_chance():
    targets = torch.arange(4)
    constant = torch.zeros(4, 4)
    assert [top_k_accuracy(constant, targets, k) for k in (1, 2, 4, 9)] == [0.25, 0.5, 1, 1]
    tied = torch.tensor([[1.0, 2, 2, 0]])
    assert [top_k_accuracy(tied, torch.tensor([true]), 1) for true in range(4)] == [0, 1, 0, 0]
    assert [top_k_accuracy(tied, torch.tensor([true]), 2) for true in range(4)] == [0, 1, 1, 0]


def test_nan_is_never_right():
    scores = torch.tensor([[math.nan, 1.0], [0.0, math.nan], [0.0, 1.0]])
    assert top_k_accuracy(scores, torch.tensor([0, 0, 1]), 2) == pytest.approx(1 / 3)
    with pytest.raises(ArgumentError, match="outside"):
        expected_calibration_error(scores, torch.tensor([0, 0, 1]))


def ece_of_the_paper(probabilities: numpy.ndarray, targets: numpy.ndarray, bins: int) -> float:
    """Guo et al. 2017, equations 1-3, sample by sample."""
    confidence, prediction = probabilities.max(1), probabilities.argmax(1)
    total = 0.0
    for m in range(1, bins + 1):
        inside = [i for i, p in enumerate(confidence) if (m - 1) / bins < p <= m / bins]
        if inside:
            acc = sum(prediction[i] == targets[i] for i in inside) / len(inside)
            conf = sum(confidence[i] for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(acc - conf)
    return total


@pytest.mark.parametrize("bins", [1, 7, 10, 15])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_calibration_error_agrees_with_the_paper(bins, dtype):
    logits, targets = sample(400, 5)
    probabilities = logits.softmax(1).to(dtype)
    expected = ece_of_the_paper(probabilities.double().numpy(), targets.numpy(), bins)
    assert expected_calibration_error(probabilities, targets, bins) == pytest.approx(expected, abs=1e-12)


def test_bins_are_open_below_and_closed_above():
    probabilities = torch.tensor([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0], [0.500001, 0.499999]], dtype=torch.float64)
    bins = calibration_bins(probabilities, torch.tensor([0, 1, 0, 1]), bins=4)
    assert bins.count.tolist() == [0, 1, 2, 1]
    assert bins.accuracy.tolist() == [0, 1, 0, 1]
    assert bins.confidence.tolist() == pytest.approx([0, 0.5, (0.75 + 0.500001) / 2, 1])


def test_calibration_error_of_extremes():
    sure = torch.eye(2, dtype=torch.float64)
    assert expected_calibration_error(sure, torch.tensor([0, 1])) == 0
    assert expected_calibration_error(sure, torch.tensor([1, 0])) == 1
    assert calibration_bins(torch.full((3, 1), 1.0 + 1e-7), torch.zeros(3, dtype=torch.int64), 4).count[-1] == 3
    with pytest.raises(ArgumentError, match="outside"):
        expected_calibration_error(10 * sure, torch.tensor([0, 1]))


def test_likelihood_and_brier_score_agree_with_scikit_learn():
    logits, targets = sample(200, 6)
    probabilities = logits.softmax(1)
    expected = metrics.log_loss(targets, probabilities, labels=range(6))
    assert negative_log_likelihood(logits.log_softmax(1), targets) == pytest.approx(expected, abs=1e-12)
    expected = metrics.brier_score_loss(targets, probabilities, labels=range(6), scale_by_half=False)
    assert brier_score(probabilities, targets) == pytest.approx(expected, abs=1e-12)


def test_an_impossible_truth_costs_infinitely_much():
    assert negative_log_likelihood(torch.tensor([[0.0, -math.inf]]), torch.tensor([1])) == math.inf


def test_nothing_measured_is_nan():
    scores = torch.empty(0, 3)
    assert math.isnan(accuracy(NO_TARGETS, NO_TARGETS))
    assert math.isnan(top_k_accuracy(scores, NO_TARGETS, 1))
    assert math.isnan(expected_calibration_error(scores, NO_TARGETS))
    assert math.isnan(negative_log_likelihood(scores, NO_TARGETS))
    assert math.isnan(brier_score(scores, NO_TARGETS))
    assert confusion_matrix(NO_TARGETS, NO_TARGETS, 2).tolist() == [[0, 0], [0, 0]]
    assert calibration_bins(scores, NO_TARGETS, 2).count.tolist() == [0, 0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: confusion_matrix(torch.tensor([0, 2]), torch.tensor([0, 1]), 2),
        lambda: confusion_matrix(torch.tensor([0, 1]), torch.tensor([0, -1]), 2),
        lambda: confusion_matrix(torch.tensor([0.0]), torch.tensor([0]), 2),
        lambda: accuracy(torch.tensor([0, 1]), torch.tensor([[0], [1]])),
        lambda: accuracy(torch.tensor(0), torch.tensor(0)),
        lambda: top_k_accuracy(torch.zeros(2, 3), torch.tensor([0]), 1),
        lambda: top_k_accuracy(torch.zeros(2, 3), torch.tensor([0, 3]), 1),
        lambda: top_k_accuracy(torch.zeros(1, 3), torch.tensor([0]), 0),
        lambda: brier_score(torch.zeros(2), torch.tensor([0, 1])),
        lambda: calibration_bins(torch.ones(1, 1), torch.tensor([0]), 0),
    ],
)
def test_what_does_not_fit_together_is_refused(call):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert caught.value.hint
