"""What passes between scikit-learn's arrays and torch's tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_random_state
from torch import Tensor


def seeded(random_state: Any, build: Callable[[], Any]) -> Any:
    """What ``build`` makes from a seed of ``random_state``; torch's own generator goes on as if nothing was drawn."""
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def numbers(X: numpy.ndarray) -> Tensor:
    return torch.from_numpy(numpy.array(X, dtype=numpy.float64))  # a copy: X may be read-only


def sequences(X: numpy.ndarray) -> Tensor:
    """(count, time, features)."""
    x = numbers(X)
    return x[:, :, None] if x.dim() == 2 else x


def encoded_labels(estimator: Any, y: Any) -> tuple[numpy.ndarray, Tensor]:
    """The classes, sorted, and y as places among them."""
    check_classification_targets(y)
    classes, labels = numpy.unique(y, return_inverse=True)
    if len(classes) < 2:
        name = type(estimator).__name__
        raise ValueError(f"{name} needs at least 2 classes; y has only one class: {classes[0]!r}")
    return classes, torch.from_numpy(labels).long()


class LargestAnswer(ClassifierMixin):
    """A classifier that gives each class a number, and names the class of the largest."""

    classes_: numpy.ndarray
    _answers: Callable[[Any], Tensor]

    def decision_function(self, X: Any) -> numpy.ndarray:
        """The answers, largest for the likeliest class: (count, classes); of two classes how much the second exceeds
        the first, (count,).
        """
        answers = self._answers(X)
        return (answers[:, 1] - answers[:, 0] if answers.shape[1] == 2 else answers).numpy()

    def predict(self, X: Any) -> numpy.ndarray:
        """The likeliest label of each row of X, (count,)."""
        likeliest = self._answers(X).argmax(1)
        return self.classes_[likeliest.numpy()]
