"""How good a classifier's answers and probabilities are, as pure functions of tensors.

Means over no samples at all are NaN. Everything is computed in float64, whatever comes in.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..core.errors import ArgumentError


class ClassScores(NamedTuple):
    """Scores of each class, float64 (classes,)."""

    precision: Tensor
    recall: Tensor
    f1: Tensor

    @property
    def macro(self) -> tuple[float, float, float]:
        """Their plain means over all classes, those without a sample included."""
        return float(self.precision.mean()), float(self.recall.mean()), float(self.f1.mean())


class CalibrationBins(NamedTuple):
    """Predictions by confidence, in M equal bins ((m - 1) / M, m / M] of [0, 1]; each field is float64 (M,).

    ``count`` is how many predictions fall into a bin, ``confidence`` and ``accuracy`` their means there, 0 in an empty
    one.
    """

    count: Tensor
    confidence: Tensor
    accuracy: Tensor


def confusion_matrix(targets: Tensor, predictions: Tensor, classes: int) -> Tensor:
    """How often each class was taken for each: int64 (classes, classes), true classes down, predicted ones across.

    Args:
        targets: true classes, whole numbers in [0, classes), (count,).
        predictions: predicted classes, likewise.
        classes: how many there are.

    Raises:
        ArgumentError: another number of predictions than of targets, or a class outside [0, classes).
    """
    _check_pairs(targets, predictions.shape)
    for name, values in (("targets", targets), ("predictions", predictions)):
        _check_range(name, values, classes)
    cells = targets.long() * classes + predictions.long()
    return torch.bincount(cells, minlength=classes * classes).view(classes, classes)


def precision_recall_f1(confusion: Tensor) -> ClassScores:
    """Precision, recall and their harmonic mean of each class.

        precision = tp / (tp + fp)    recall = tp / (tp + fn)    F1 = 2 tp / (2 tp + fp + fn)

    Where nothing can be divided, because a class was never predicted or does not occur, the score is 0, as with
    scikit-learn's ``zero_division=0`` and ``labels=range(classes)``.

    Args:
        confusion: counts (classes, classes), true classes down, predicted ones across.
    """
    counts = confusion.double()
    right, predicted, true = counts.diagonal(), counts.sum(0), counts.sum(1)
    return ClassScores(_share(right, predicted), _share(right, true), _share(2 * right, predicted + true))


def accuracy(targets: Tensor, predictions: Tensor) -> float:
    """The share of right predictions; both are whole numbers (count,).

    Raises:
        ArgumentError: another number of predictions than of targets.
    """
    _check_pairs(targets, predictions.shape)
    return float((targets == predictions).double().mean())


def top_k_accuracy(scores: Tensor, targets: Tensor, k: int) -> float:
    """The share of samples whose true class is among the ``k`` highest scores.

    Among equal scores the class with the lower number counts as the higher one, so that a constant output earns no
    more than its due and ``k = 1`` agrees with ``argmax``. A row that holds a NaN is wrong.

    Args:
        scores: logits, probabilities or anything that grows with them, (count, classes).
        targets: true classes, whole numbers in [0, classes), (count,).
        k: at least 1.

    Raises:
        ArgumentError: shapes that do not fit, a class outside [0, classes), or k below 1.
    """
    _check_scores(scores, targets)
    if k < 1:
        raise ArgumentError(f"top {k}", hint="give a k of at least 1", path=("k",))
    column = targets.long()[:, None]
    own = scores.gather(1, column)
    earlier = torch.arange(scores.shape[1], device=scores.device) < column
    ahead = (scores > own) | ((scores == own) & earlier)
    right = (ahead.sum(1) < k) & ~scores.isnan().any(1)
    return float(right.double().mean())


def calibration_bins(probabilities: Tensor, targets: Tensor, bins: int = 15) -> CalibrationBins:
    """Predictions sorted into ``bins`` equal bins of their confidence, the highest probability of a row.

    Args:
        probabilities: (count, classes).
        targets: true classes, whole numbers in [0, classes), (count,).
        bins: M.

    Raises:
        ArgumentError: shapes that do not fit, a class outside [0, classes), a confidence outside [0, 1], or M below 1.
    """
    _check_scores(probabilities, targets)
    if bins < 1:
        raise ArgumentError(f"{bins} bins", hint="give at least 1", path=("bins",))
    confidence, prediction = probabilities.double().max(1)
    if not bool(((confidence >= 0) & (confidence <= 1 + 1e-5)).all()):
        hint = "give probabilities, as softmax makes them, not logits"
        raise ArgumentError("a confidence is outside [0, 1]", hint=hint, path=("probabilities",))
    right = (prediction == targets).double()
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64, device=confidence.device)
    place = (torch.bucketize(confidence, edges) - 1).clamp(0, bins - 1)
    member = torch.nn.functional.one_hot(place, bins).double()
    count = member.sum(0)
    return CalibrationBins(count, _share(confidence @ member, count), _share(right @ member, count))


def expected_calibration_error(probabilities: Tensor, targets: Tensor, bins: int = 15) -> float:
    """How far confidence is from accuracy (Guo et al. 2017, equation 3).

        ECE = sum_m |B_m| / n  |acc(B_m) - conf(B_m)|

    Args and errors are those of `calibration_bins`.
    """
    count, confidence, right = calibration_bins(probabilities, targets, bins)
    return float((count * (right - confidence).abs()).sum() / count.sum())


def negative_log_likelihood(log_probabilities: Tensor, targets: Tensor) -> float:
    """The mean of ``-log p`` of the true classes, in nats; infinite if one of them was held impossible.

    Args:
        log_probabilities: (count, classes), for example of ``log_softmax``, which does not round to ``log 0``.
        targets: true classes, whole numbers in [0, classes), (count,).

    Raises:
        ArgumentError: shapes that do not fit, or a class outside [0, classes).
    """
    _check_scores(log_probabilities, targets)
    return float(-log_probabilities.double().gather(1, targets.long()[:, None]).mean())


def brier_score(probabilities: Tensor, targets: Tensor) -> float:
    """The mean squared distance of the probabilities from the truth, in [0, 2] (Brier 1950, equation 2).

        1/n  sum_i sum_k (p_ik - [y_i = k])^2

    Args and errors are those of `negative_log_likelihood`, with probabilities in place of their logarithms.
    """
    _check_scores(probabilities, targets)
    truth = torch.nn.functional.one_hot(targets.long(), probabilities.shape[1])
    return float((probabilities.double() - truth).square().sum(1).mean())


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """``part / whole``, and 0 where ``whole`` is 0."""
    return torch.where(whole > 0, part / whole.clamp(min=1), 0.0)


def _check_pairs(targets: Tensor, shape: torch.Size) -> None:
    if targets.ndim != 1 or shape != targets.shape:
        message = f"targets are {tuple(targets.shape)}, predictions {tuple(shape)}"
        raise ArgumentError(message, hint="give one prediction for each target")


def _check_range(name: str, values: Tensor, classes: int) -> None:
    if values.is_floating_point():
        raise ArgumentError(f"{name} are {values.dtype}", hint="give classes as whole numbers", path=(name,))
    if len(values) and not 0 <= int(values.min()) <= int(values.max()) < classes:
        message = f"{name} run from {int(values.min())} to {int(values.max())}, but there are {classes} classes"
        raise ArgumentError(message, hint=f"classes count from 0 to {classes - 1}", path=(name,))


def _check_scores(scores: Tensor, targets: Tensor) -> None:
    if scores.ndim != 2:
        raise ArgumentError(f"scores have {scores.ndim} dimensions", hint="give them as (count, classes)")
    _check_pairs(targets, scores.shape[:1])
    _check_range("targets", targets, scores.shape[1])
