"""Estimators of rows of numbers: an extreme learning machine, which also learns in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from ..models.reservoir.extreme_learning_machine import ExtremeLearningMachine
from .exchange import LargestAnswer, encoded_labels, numbers, seeded


class _ExtremeLearning(BaseEstimator):
    """What both extreme learning machines share."""

    machine_: ExtremeLearningMachine

    def __init__(
        self,
        units: int = 1000,
        activation: Literal["sigmoid", "tanh", "relu", "sine"] = "sigmoid",
        input_scale: float = 1.0,
        bias_scale: float = 1.0,
        distribution: Literal["uniform", "normal"] = "uniform",
        beta: float = 0.1,
        random_state: Any = None,
    ) -> None:
        self.units, self.activation, self.input_scale = units, activation, input_scale
        self.bias_scale, self.distribution, self.beta = bias_scale, distribution, beta
        self.random_state = random_state

    def _draw(self, features: int, classes: int) -> ExtremeLearningMachine:
        own = BaseEstimator.get_params(self)
        own.pop("random_state")
        machine: Callable[..., ExtremeLearningMachine] = ExtremeLearningMachine
        return seeded(self.random_state, lambda: machine([features], classes, **own).double())

    def _answers(self, X: Any) -> Tensor:
        check_is_fitted(self)
        X = validate_data(self, X, dtype="numeric", reset=False)
        with torch.no_grad():
            return self.machine_(numbers(X))


class ExtremeLearningRegressor(RegressorMixin, _ExtremeLearning):
    """An extreme learning machine for numbers; `partial_fit` learns further samples as if all had come at once.

    Give features of about unit size, for example behind a ``StandardScaler``.

    Args:
        units, activation, input_scale, bias_scale, distribution, beta: as of `ExtremeLearningMachine`.
        random_state: seed, a generator to draw one from, or None for another result each time.

    Attributes:
        machine_: the fitted `ExtremeLearningMachine`.
        n_features_in_: columns of the training data.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Draw a machine and solve for its read-out; X (count, features), y (count,) or (count, outputs)."""
        return self._learn(X, y, afresh=True)

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Learn further samples, keeping the hidden layer and what was learned."""
        return self._learn(X, y, afresh=not hasattr(self, "machine_"))

    def _learn(self, X: Any, y: Any, afresh: bool) -> Self:
        X, y = validate_data(self, X, y, dtype="numeric", multi_output=True, y_numeric=True, reset=afresh)
        targets = numbers(y)
        if afresh:
            self.single_ = targets.dim() == 1
            self.machine_ = self._draw(X.shape[1], 1 if self.single_ else targets.shape[1])
        self.machine_.add(numbers(X), targets[:, None] if targets.dim() == 1 else targets)
        return self

    def predict(self, X: Any) -> numpy.ndarray:
        """The answers, shaped as y was."""
        answers = self._answers(X).numpy()
        return answers[:, 0] if self.single_ else answers

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class ExtremeLearningClassifier(LargestAnswer, _ExtremeLearning):
    """An extreme learning machine for classes; `partial_fit` learns further samples as if all had come at once.

    Give features of about unit size, for example behind a ``StandardScaler``.

    Args:
        units, activation, input_scale, bias_scale, distribution, beta: as of `ExtremeLearningMachine`.
        random_state: seed, a generator to draw one from, or None for another result each time.

    Attributes:
        machine_: the fitted `ExtremeLearningMachine`.
        classes_: the labels, sorted.
        n_features_in_: columns of the training data.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Draw a machine and solve for its read-out; X (count, features), y (count,)."""
        X, y = validate_data(self, X, y, dtype="numeric")
        self.classes_, labels = encoded_labels(self, y)
        self.machine_ = self._draw(X.shape[1], len(self.classes_))
        self.machine_.fit(numbers(X), labels)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Learn further samples.

        Args:
            X: (count, features).
            y: (count,).
            classes: all labels that will ever come; needed in the first call.
        """
        afresh = not hasattr(self, "machine_")
        X, y = validate_data(self, X, y, dtype="numeric", reset=afresh)
        if afresh:
            if classes is None:
                raise ValueError("classes must be given in the first call of partial_fit")
            self.classes_ = numpy.unique(classes)
            self.machine_ = self._draw(X.shape[1], len(self.classes_))
        places = numpy.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        if (self.classes_[places] != y).any():
            unknown = y[self.classes_[places] != y][0]
            raise ValueError(f"{unknown!r} is not among the classes of the first call")
        self.machine_.add(numbers(X), torch.from_numpy(places).long())
        return self
