"""`Classifier` is a scikit-learn estimator, and learns."""

from __future__ import annotations

import numpy
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from gatefield import Classifier
from gatefield.core.errors import InputError

FAST = {"epochs": 5, "batch_size": 8, "optimizer": {"name": "adam", "learning_rate": 0.01}}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([Classifier({"name": "mlp", "hidden": [32]}, training=FAST, random_state=0)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    return train_test_split(images, labels, test_size=0.3, random_state=0, stratify=labels)


def test_softmax_regression_is_as_good_as_logistic_regression(digits):
    train, test, train_labels, test_labels = digits
    converged = {"epochs": 100, "optimizer": {"name": "adam", "learning_rate": 0.01}, "schedule": "cosine"}
    ours = Classifier("softmax-regression", training=converged, random_state=0).fit(train, train_labels)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(train, train_labels)
    assert ours.score(test, test_labels) >= theirs.score(test, test_labels) - 0.01


def test_images_of_bytes_and_labels_of_text():
    images, labels = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, 8, 8) * 15).astype(numpy.uint8)
    names = numpy.array([f"digit {label}" for label in labels])
    network = {"name": "mnist-cnn", "kernel_size": 3, "filters": [8]}
    training = {"epochs": 10, "batch_size": 32, "optimizer": {"name": "adam", "learning_rate": 0.01}}
    model = Classifier(network, training=training, augment=[{"name": "shift", "pixels": 1}], validation=0.1)
    model.set_params(random_state=1).fit(pixels[:1200], names[:1200])
    assert list(model.classes_) == sorted(set(names))
    probabilities = model.predict_proba(pixels[1200:])
    assert probabilities.sum(1) == pytest.approx(1)
    assert (model.predict(pixels[1200:]) == model.classes_[probabilities.argmax(1)]).all()
    assert model.score(pixels[1200:], names[1200:]) > 0.85


def test_random_state(digits):
    train, test, labels, _ = digits

    def probabilities(seed):
        model = Classifier("mlp", training={"epochs": 1}, random_state=seed)
        return model.fit(train[:200], labels[:200]).predict_proba(test)

    assert (probabilities(0) == probabilities(0)).all()
    assert (probabilities(0) != probabilities(1)).any()
    assert (probabilities(numpy.random.RandomState(3)) == probabilities(numpy.random.RandomState(3))).all()


def test_grid_search_and_clone(digits):
    train, _, labels, _ = digits
    base = Classifier("softmax-regression", random_state=0)
    grid = {"training": [{"epochs": 1, "optimizer": {"name": "sgd", "learning_rate": rate}} for rate in (1e-6, 0.1)]}
    search = GridSearchCV(base, grid, cv=2).fit(train[:300], labels[:300])
    assert search.best_params_["training"]["optimizer"]["learning_rate"] == 0.1
    assert clone(base).get_params() == base.get_params()


def test_fitting_leaves_the_global_generators_alone(digits):
    train, _, labels, _ = digits
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    Classifier("softmax-regression", training={"epochs": 1}, random_state=5).fit(train[:50], labels[:50])
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "mpl"}, "did you mean 'mlp'"),
        ({"training": {"epoch": 3}}, "did you mean 'epochs'"),
        ({"augment": ["shfit"]}, "did you mean 'shift'"),
        ({"device": "tpu"}, "no device 'tpu'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, digits):
    with pytest.raises(InputError, match=message):
        Classifier(**arguments).fit(digits[0][:50], digits[2][:50])
