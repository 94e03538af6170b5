"""Estimators of sequences: an echo state network behind scaled features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from ..core.errors import ArgumentError
from ..models.reservoir.echo_state_network import EchoStateNetwork
from .exchange import LargestAnswer, encoded_labels, numbers, seeded, sequences


class _EchoStates(BaseEstimator):
    """What regression and classification of sequences share. A sample is a whole sequence."""

    network_: EchoStateNetwork

    def __init__(
        self,
        units: int | list[int] = 300,
        leak: float = 1.0,
        spectral_radius: float = 0.9,
        input_scale: float = 0.5,
        bias_scale: float = 0.5,
        degree: int | None = 10,
        distribution: Literal["uniform", "normal"] = "uniform",
        bidirectional: bool = False,
        washout: int = 0,
        pool: Literal["mean", "last"] = "mean",
        beta: float = 1e-3,
        random_state: Any = None,
    ) -> None:
        self.units, self.leak, self.spectral_radius = units, leak, spectral_radius
        self.input_scale, self.bias_scale, self.degree = input_scale, bias_scale, degree
        self.distribution, self.bidirectional, self.washout = distribution, bidirectional, washout
        self.pool, self.beta, self.random_state = pool, beta, random_state

    def _draw(self, features: int, classes: int, pool: str) -> EchoStateNetwork:
        """A network with these parameters; the caller's own random numbers go on as if none had been drawn."""
        known = EchoStateNetwork.signature()
        own = {key: value for key, value in BaseEstimator.get_params(self).items() if key in known}
        build: Callable[..., EchoStateNetwork] = EchoStateNetwork
        return seeded(self.random_state, lambda: build(features, classes, **{**own, "pool": pool}))

    def _scaled(self, x: Tensor) -> Tensor:
        return (x - self.mean_) / self.scale_

    def _learn_scale(self, x: Tensor) -> Tensor:
        """Every feature to mean 0 and spread 1, a constant one to 0."""
        flat = x.flatten(0, 1)
        self.mean_, spread = flat.mean(0), flat.std(0, correction=0)
        self.scale_ = torch.where(spread > 0, spread, 1.0)
        return self._scaled(x)

    def _answers(self, X: Any) -> Tensor:
        check_is_fitted(self)
        X = validate_data(self, X, allow_nd=True, dtype="numeric", reset=False)
        with torch.no_grad():
            return self.network_(self._scaled(sequences(X)))[0]


class EchoStateRegressor(RegressorMixin, _EchoStates):
    """An echo state network that answers sequences with numbers: one answer for each, or one at every step.

    X holds a sequence in every row: (count, time) of one feature or (count, time, features). Features are scaled to
    mean 0 and spread 1 by the training data. A single long series is one row, with ``every_step``.

    Args:
        units, leak, spectral_radius, input_scale, bias_scale, degree, distribution, bidirectional, washout, pool, beta:
            as of `EchoStateNetwork`.
        random_state: seed, a generator to draw one from, or None for another result each time.
        every_step: answer at every step: y is then (count, time) or (count, time, outputs), and ``pool`` must be left
            at its default.

    Attributes:
        network_: the fitted `EchoStateNetwork`.
        n_features_in_: size of the second axis of the training data.
    """

    def __init__(
        self,
        units: int | list[int] = 300,
        leak: float = 1.0,
        spectral_radius: float = 0.9,
        input_scale: float = 0.5,
        bias_scale: float = 0.5,
        degree: int | None = 10,
        distribution: Literal["uniform", "normal"] = "uniform",
        bidirectional: bool = False,
        washout: int = 0,
        pool: Literal["mean", "last"] = "last",
        beta: float = 1e-3,
        random_state: Any = None,
        every_step: bool = False,
    ) -> None:
        super().__init__(
            units, leak, spectral_radius, input_scale, bias_scale, degree, distribution, bidirectional, washout, pool,
            beta, random_state,
        )  # fmt: skip
        self.every_step = every_step

    def fit(self, X: Any, y: Any) -> Self:
        """Draw a network and solve for its read-out.

        Args:
            X: (count, time) or (count, time, features).
            y: (count,) or (count, outputs); with ``every_step`` (count, time) or (count, time, outputs).
        """
        if self.every_step and self.pool != "last":
            message = "an answer at every step is not pooled"
            raise ArgumentError(message, hint="leave pool at its default, or every_step out", path=("pool",))
        if self.every_step:
            X = validate_data(self, X, allow_nd=True, dtype="numeric")
            y = numpy.asarray(y, dtype=float)
            if y.shape[:2] != X.shape[:2]:
                raise ValueError(f"y has the shape {y.shape}, X {X.shape}: give an answer for every step")
        else:
            X, y = validate_data(self, X, y, allow_nd=True, dtype="numeric", multi_output=True, y_numeric=True)
        x, targets = sequences(X), numbers(y)
        self.outputs_ = targets.shape[(2 if self.every_step else 1) :]
        targets = targets if self.outputs_ else targets.unsqueeze(-1)
        # the read-out shrinks toward 0, so the targets are centered
        self.target_mean_ = targets.flatten(0, -2).mean(0)
        self.network_ = self._draw(x.shape[2], targets.shape[-1], "none" if self.every_step else self.pool)
        self.network_.fit(self._learn_scale(x), targets - self.target_mean_)
        return self

    def predict(self, X: Any) -> numpy.ndarray:
        """The answers, shaped as y was."""
        answers = self._answers(X) + self.target_mean_
        return (answers if self.outputs_ else answers.squeeze(-1)).numpy()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class EchoStateClassifier(LargestAnswer, _EchoStates):
    """An echo state network that names the class of a sequence, from the mean or the last of its states.

    X holds a sequence in every row: (count, time) of one feature or (count, time, features). Features are scaled to
    mean 0 and spread 1 by the training data.

    Args:
        units, leak, spectral_radius, input_scale, bias_scale, degree, distribution, bidirectional, washout, pool, beta:
            as of `EchoStateNetwork`.
        random_state: seed, a generator to draw one from, or None for another result each time.

    Attributes:
        network_: the fitted `EchoStateNetwork`.
        classes_: the labels, sorted.
        n_features_in_: size of the second axis of the training data.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Draw a network and solve for its read-out; X (count, time) or (count, time, features), y (count,)."""
        X, y = validate_data(self, X, y, allow_nd=True, dtype="numeric")
        self.classes_, labels = encoded_labels(self, y)
        x = sequences(X)
        self.network_ = self._draw(x.shape[2], len(self.classes_), self.pool)
        self.network_.fit(self._learn_scale(x), labels)
        return self
