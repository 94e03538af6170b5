"""The search for the parameters of a reservoir."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from ..core.extras import require
from .echo_states import EchoStateClassifier, EchoStateRegressor


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
