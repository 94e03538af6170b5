"""Reservoirs as scikit-learn estimators."""

from __future__ import annotations

import builtins

import numpy
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

from gatefield.core.errors import ArgumentError, InputError, MissingExtra
from gatefield.data.synthetic.narma import narma
from gatefield.data.synthetic.sines import sines
from gatefield.reservoirs import (
    EchoStateClassifier,
    EchoStateRegressor,
    ExtremeLearningClassifier,
    ExtremeLearningRegressor,
    tune_echo_states,
)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        EchoStateRegressor(units=100, random_state=0),
        EchoStateClassifier(units=100, random_state=0),
        ExtremeLearningRegressor(units=100, random_state=0),
        ExtremeLearningClassifier(units=100, random_state=0),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def periods():
    """Noisy sines of three periods, and which it is."""
    x = torch.cat([sines(60, periods=[p], noise=0.3, rows=40, seed=int(p)) for p in (9, 12, 16)]).numpy()
    return train_test_split(x, numpy.repeat(["nine", "twelve", "sixteen"], 40), random_state=0)


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "units": [50, 50]}])
def test_classifies_sequences_by_their_period(periods, options):
    train, test, train_labels, test_labels = periods
    # what every step holds is the same for all three: only a memory can tell them apart
    model = EchoStateClassifier(random_state=0, input_scale=1.0, **options).fit(train, train_labels)
    assert list(model.classes_) == ["nine", "sixteen", "twelve"]
    assert model.score(test, test_labels) >= 0.9
    assert (model.predict(test) == model.classes_[model.decision_function(test).argmax(1)]).all()


def test_the_last_state_knows_when_something_was():
    """The class is the sign four steps before the end, which is in no single step that a read-out sees."""
    x = numpy.random.default_rng(0).choice([-1.0, 1.0], (300, 20))
    labels = x[:, -5] > 0
    model = EchoStateClassifier(units=100, input_scale=0.3, pool="last", beta=1e-6, random_state=0)
    assert model.fit(x[:200], labels[:200]).score(x[200:], labels[200:]) == 1


def test_follows_a_series_step_by_step():
    """NARMA-10, normalized error on unseen steps: linear models of the last 10 inputs stay above 0.4."""
    u, y = narma(4000, seed=3)
    model = EchoStateRegressor(
        units=400, leak=1.0, spectral_radius=0.95, input_scale=0.3, washout=100, beta=1e-6, every_step=True,
        random_state=0,
    )  # fmt: skip
    model.fit(u[None, :3000].numpy(), y[None, :3000].numpy())
    model.n_features_in_ = 1000  # sequences to predict may be of another length
    error = model.predict(u[None, 3000:].numpy())[0, 100:] - y[3100:].numpy()
    assert error.std() / y[3100:].numpy().std() < 0.3


def test_several_outputs_keep_their_shape():
    x = sines(30, periods=[7, 11], rows=20, seed=1).numpy()
    for targets in (x[:, -1], x[:, -2:]):
        model = EchoStateRegressor(units=50, random_state=0).fit(x[:, :-2], targets)
        assert model.predict(x[:, :-2]).shape == targets.shape
    stepwise = EchoStateRegressor(units=50, random_state=0, every_step=True).fit(x[:, :-1], x[:, 1:])
    assert stepwise.predict(x[:, :-1]).shape == (20, 29)


def test_digits():
    images, labels = load_digits(return_X_y=True)
    train, test, a, b = train_test_split(images / 16, labels, test_size=0.25, random_state=0, stratify=labels)
    assert ExtremeLearningClassifier(random_state=0).fit(train, a).score(test, b) >= 0.97


def test_parts_are_the_whole():
    images, labels = load_digits(n_class=4, return_X_y=True)
    images = images / 16
    whole = ExtremeLearningClassifier(units=60, random_state=0).fit(images, labels)
    parts = ExtremeLearningClassifier(units=60, random_state=0)
    for start in range(0, len(images), 100):
        parts.partial_fit(images[start : start + 100], labels[start : start + 100], classes=range(4))
    assert numpy.abs(parts.decision_function(images) - whole.decision_function(images)).max() < 1e-8
    with pytest.raises(ValueError, match="not among the classes"):
        parts.partial_fit(images[:1], [7])


def test_random_state_and_clone():
    x = numpy.random.default_rng(0).normal(size=(30, 8))
    y = x[:, 0] * x[:, 1]

    def answers(seed):
        return EchoStateRegressor(units=30, random_state=seed).fit(x, y).predict(x)

    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert (answers(0) == answers(0)).all()
    assert (answers(0) != answers(1)).any()
    assert torch.equal(torch.rand(3), expected)
    base = EchoStateClassifier(units=40, spectral_radius=1.1)
    assert clone(base).get_params() == base.get_params()
    search = GridSearchCV(EchoStateRegressor(units=30, random_state=0), {"beta": [1e-3, 1e6]}, cv=2).fit(x, y)
    assert search.best_params_["beta"] in (1e-3, 1e6)


def test_wrong_settings():
    x = numpy.random.default_rng(0).normal(size=(10, 8))
    with pytest.raises(InputError, match="outside"):
        EchoStateRegressor(leak=2.0).fit(x, x[:, 0])
    with pytest.raises(ArgumentError, match="not pooled"):
        EchoStateRegressor(every_step=True, pool="mean").fit(x, x)
    with pytest.raises(ValueError, match="every step"):
        EchoStateRegressor(every_step=True).fit(x, x[:, :3])
    with pytest.raises(InputError, match="wash-out"):
        EchoStateRegressor(washout=8).fit(x, x[:, 0])


def test_search_without_optuna_names_the_extra(monkeypatch):
    plain = builtins.__import__

    def without_optuna(name, *arguments, **keywords):
        if name.split(".")[0] == "optuna":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return plain(name, *arguments, **keywords)

    monkeypatch.setattr("importlib.import_module", without_optuna)
    with pytest.raises(MissingExtra, match="optuna") as caught:
        tune_echo_states(EchoStateRegressor(), numpy.zeros((4, 3)), numpy.zeros(4))
    assert "gatefield[tune]" in caught.value.hint


def test_search_finds_a_better_setting():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    x = sines(40, periods=[8, 13], noise=0.05, rows=60, seed=2).numpy()
    poor = EchoStateRegressor(units=30, input_scale=0.001, beta=10.0, random_state=0)
    best = tune_echo_states(poor, x[:, :-1], x[:, -1], trials=8)
    assert best.study_.best_value > clone(poor).fit(x[:40, :-1], x[:40, -1]).score(x[40:, :-1], x[40:, -1])
