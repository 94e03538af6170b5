"""The scikit-learn faces of echo state networks and extreme learning machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data
from torch import Tensor

from .core.errors import ArgumentError
from .core.extras import require
from .models.reservoir.echo_state_network import EchoStateNetwork
from .models.reservoir.extreme_learning_machine import ExtremeLearningMachine


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
        return _seeded(self.random_state, lambda: build(features, classes, **{**own, "pool": pool}))

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
            return self.network_(self._scaled(_sequences(X)))[0]


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
        x, targets = _sequences(X), _numbers(y)
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


class EchoStateClassifier(ClassifierMixin, _EchoStates):
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
        self.classes_, labels = _labels(self, y)
        x = _sequences(X)
        self.network_ = self._draw(x.shape[2], len(self.classes_), self.pool)
        self.network_.fit(self._learn_scale(x), labels)
        return self

    def decision_function(self, X: Any) -> numpy.ndarray:
        """The answers, about 1 for the class and 0 for others: (count, classes); of two classes (count,), above 0 for
        the second.
        """
        return _decision(self._answers(X))

    def predict(self, X: Any) -> numpy.ndarray:
        """The likeliest label of each sequence, (count,)."""
        likeliest = self._answers(X).argmax(1)
        return self.classes_[likeliest.numpy()]


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
        return _seeded(self.random_state, lambda: machine([features], classes, **own).double())

    def _answers(self, X: Any) -> Tensor:
        check_is_fitted(self)
        X = validate_data(self, X, dtype="numeric", reset=False)
        with torch.no_grad():
            return self.machine_(_numbers(X))


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
        targets = _numbers(y)
        if afresh:
            self.single_ = targets.dim() == 1
            self.machine_ = self._draw(X.shape[1], 1 if self.single_ else targets.shape[1])
        self.machine_.add(_numbers(X), targets[:, None] if targets.dim() == 1 else targets)
        return self

    def predict(self, X: Any) -> numpy.ndarray:
        """The answers, shaped as y was."""
        answers = self._answers(X).numpy()
        return answers[:, 0] if self.single_ else answers

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class ExtremeLearningClassifier(ClassifierMixin, _ExtremeLearning):
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
        self.classes_, labels = _labels(self, y)
        self.machine_ = self._draw(X.shape[1], len(self.classes_))
        self.machine_.fit(_numbers(X), labels)
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
        self.machine_.add(_numbers(X), torch.from_numpy(places).long())
        return self

    def decision_function(self, X: Any) -> numpy.ndarray:
        """The answers, about 1 for the class and -1 for others: (count, classes); of two classes (count,), above 0 for
        the second.
        """
        return _decision(self._answers(X))

    def predict(self, X: Any) -> numpy.ndarray:
        """The likeliest label of each row, (count,)."""
        likeliest = self._answers(X).argmax(1)
        return self.classes_[likeliest.numpy()]


def tune_echo_states(
    estimator: EchoStateRegressor | EchoStateClassifier,
    X: Any,
    y: Any,
    trials: int = 50,
    folds: int = 3,
    seed: int = 0,
) -> Any:
    """Search leak, spectral radius, input scale and regularization by cross-validation, in the order of their weight.

    Args:
        estimator: one to start from; its other parameters stay.
        X, y: training data.
        trials: settings to try.
        folds: of the cross-validation.
        seed: of the search.

    Returns:
        The estimator with the best setting found, fitted to all data; its ``study_`` is the optuna study.

    Raises:
        MissingExtra: optuna is not installed.

    Source: Lukosevicius (2012), section 3.3: "tune the global parameters".
    """
    optuna = require("optuna", extra="tune", purpose="searching for the parameters of a reservoir")
    from sklearn.model_selection import cross_val_score

    def setting(trial: Any) -> dict[str, float]:
        return {
            "leak": trial.suggest_float("leak", 0.01, 1.0, log=True),
            "spectral_radius": trial.suggest_float("spectral_radius", 0.1, 1.6),
            "input_scale": trial.suggest_float("input_scale", 0.01, 10.0, log=True),
            "beta": trial.suggest_float("beta", 1e-9, 1e2, log=True),
        }

    def candidate(settings: dict[str, float]) -> Any:
        fresh: Any = clone(estimator)
        return fresh.set_params(**settings)

    def objective(trial: Any) -> float:
        return float(cross_val_score(candidate(setting(trial)), X, y, cv=folds).mean())

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=trials)
    best = candidate(study.best_params).fit(X, y)
    best.study_ = study
    return best


def _seeded(random_state: Any, build: Callable[[], Any]) -> Any:
    """What ``build`` makes from a seed of ``random_state``; torch's own generator goes on as if nothing was drawn."""
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _numbers(X: numpy.ndarray) -> Tensor:
    return torch.from_numpy(numpy.array(X, dtype=numpy.float64))  # a copy: X may be read-only


def _sequences(X: numpy.ndarray) -> Tensor:
    """(count, time, features)."""
    x = _numbers(X)
    return x[:, :, None] if x.dim() == 2 else x


def _labels(estimator: Any, y: Any) -> tuple[numpy.ndarray, Tensor]:
    """The classes, sorted, and y as places among them."""
    check_classification_targets(y)
    classes, labels = numpy.unique(y, return_inverse=True)
    if len(classes) < 2:
        name = type(estimator).__name__
        raise ValueError(f"{name} needs at least 2 classes; y has only one class: {classes[0]!r}")
    return classes, torch.from_numpy(labels).long()


def _decision(answers: Tensor) -> numpy.ndarray:
    return (answers[:, 1] - answers[:, 0] if answers.shape[1] == 2 else answers).numpy()
